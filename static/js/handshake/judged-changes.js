import { getBook } from "../common/diagnosis/book.js";
import { arrivalFacts, compressionFacts, connectionFacts } from "../common/diagnosis/facts.js";
import { judge } from "../common/diagnosis/judge.js";

const HARMFUL = ["bad", "notable", "unknown"];

// Better to warn in vain than to call harm harmless.
const UNJUDGED = {
  verdict: "unknown",
  meaning: "This page could not load the rules that judge this change.",
  advice: "Reload the page, or run Diagnose.",
  cures: {},
};

/**
 * A change, and whether it is harmful.
 *
 * @typedef {import("./inferred-changes.js").Change & {harm: Harm | null}} JudgedChange
 *
 * @typedef {object} Harm
 * @property {"bad" | "notable" | "unknown"} verdict that of Diagnose
 * @property {string} meaning the change and its effect
 * @property {string} advice
 * @property {Object<string, string>} cures lines to paste, by product
 */

/**
 * Judge changes by the rules of Diagnose, so that both panels say the same.
 *
 * @param {import("./inferred-changes.js").Change[]} changes
 * @param {object} report of /inspect
 * @param {import("./inferred-changes.js").Browser} browser
 * @returns {Promise<JudgedChange[]>}
 */
export async function judgeChanges(changes, report, browser) {
  const rules = changes.some(({ check }) => check) ? await rulesFor(report, browser) : null;
  return changes.map((change) => judged(change, rules));
}

function judged(change, rules) {
  if (change.breaks) return { ...change, harm: { verdict: "bad", cures: {}, ...change.breaks } };
  if (!change.check) return { ...change, harm: null };
  const found = rules ? judge(rules.book, change.check, rules.facts) : UNJUDGED;
  return HARMFUL.includes(found.verdict)
    ? { ...change, harm: found }
    : { ...change, harm: null, note: found.meaning };
}

async function rulesFor(report, browser) {
  try {
    const [book, health] = await Promise.all([getBook(), askHealth()]);
    const evidence = { ...evidenceOf(report, browser), health };
    const agreed = browser.extensions.includes("permessage-deflate");
    return { book, facts: {
      ...connectionFacts(evidence, book),
      ...arrivalFacts(evidence),
      ...compressionFacts(evidence, agreed),
    } };
  } catch {
    return null;
  }
}

// Its headers may name the proxy.
async function askHealth() {
  const response = await fetch("healthz", { cache: "no-store" });
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: await response.text() };
}

// A report has all that Diagnose reads from a trace.
function evidenceOf({ request, negotiated, limits }, browser) {
  const { pathname, host } = new URL("inspect", browser.href);
  const attempt = { request, response: { extensions: negotiated.extensions }, limits };
  return {
    asked: { path: pathname, host, origin: new URL(browser.href).origin },
    upgrade: { outcome: "open", why: "", answer: null },
    control: null,
    trace: { state: "found", attempts: [attempt], reason: "" },
    control_trace: { state: "unknown", attempts: [], reason: "there was no control" },
  };
}
