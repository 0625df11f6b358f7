import { isOffered } from "../common/features.js";

// Features that checks need, and their names for people.
const FEATURES = { inspect: "/inspect", faults: "fault simulation", traces: "traces" };
const LIST = new Intl.ListFormat("en", { style: "long", type: "conjunction" });

/**
 * @param {import("./check.js").Check} check
 * @returns {boolean} whether the server offers what the check needs
 */
export const isPossible = ({ needs = [] }) => needs.every(isOffered);

/**
 * Name the checks that this server makes impossible, in one line that unfolds.
 *
 * @param {HTMLDetailsElement} fold with a summary and a paragraph
 * @param {import("./check.js").Check[]} checks
 */
export function showLeftOut(fold, checks) {
  const missing = checks.filter((check) => !isPossible(check));
  fold.hidden = !missing.length;
  fold.querySelector("summary").textContent = `${sentence(missing)} (${countChecks(missing)})`;
  fold.querySelector("p").textContent = missing.map(({ title }) => title).join(", ");
}

/** @returns {import("./check.js").Result} of a check that is not possible */
export function leftOut(check) {
  return { verdict: "not run", figure: "", meaning: `${sentence([check])}.` };
}

/** @returns {string} such as "1 check" */
export function countChecks({ length }) {
  return `${length} ${length === 1 ? "check" : "checks"}`;
}

function sentence(checks) {
  const needed = new Set(checks.flatMap(({ needs = [] }) => needs));
  const off = [...needed].filter((feature) => !isOffered(feature));
  return `Left out: this server has turned off ${LIST.format(off.map((name) => FEATURES[name]))}`;
}
