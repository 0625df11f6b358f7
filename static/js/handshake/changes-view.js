import { cureElements } from "../common/cures.js";
import { element } from "../common/element.js";
import { formatCount } from "../common/format.js";

/**
 * Show the changes in short: harmful ones with their effect and what to do, harmless ones by name.
 *
 * @param {function(string): HTMLElement} part finds an element of the panel by its name
 * @param {import("./judged-changes.js").JudgedChange[]} changes
 */
export function showChanges(part, changes) {
  const harmful = changes.filter(({ harm }) => harm);
  const harmless = changes.filter(({ harm }) => !harm);
  part("unchanged").hidden = changes.length > 0;
  part("harmful").replaceChildren(...(changes.length ? harmfulElements(harmful) : []));
  part("harmless").replaceChildren(...(harmless.length ? harmlessElements(harmless) : []));
}

function harmfulElements(changes) {
  const count = changes.length || "No";
  const title = `${count} harmful ${changes.length === 1 ? "change" : "changes"}`;
  return [element("h3", {}, title), ...changes.map(harmfulElement)];
}

function harmfulElement({ header, kind, harm: { verdict, meaning, advice, cures } }) {
  const tag = element("span", { class: "verdict", "data-verdict": verdict }, verdict);
  // The tag never stands alone on a line.
  const title = element("h4", {}, `${header} `,
    element("span", { class: "together" }, `${kind} `, tag));
  return element(
    "section",
    { class: "harm", "data-verdict": verdict },
    title,
    element("p", {}, meaning),
    ...(advice ? [element("p", {}, advice)] : []),
    ...cureBlocks(cures),
  );
}

// The lines for all products would be longer than all the rest.
function cureBlocks(cures) {
  const products = Object.keys(cures);
  if (!products.length) return [];
  const block = element("div", { class: "cures" }, ...cureElements(cures));
  if (products.length === 1) return [block];
  return [element("details", {}, element("summary", {}, "Lines for your proxy"), block)];
}

function harmlessElements(changes) {
  const title = formatCount(changes.length, "harmless change");
  const names = changes.map(({ header, kind }, at) => [
    ...(at ? [", "] : []),
    element("span", { class: "name" }, header), ` (${kind})`,
  ]);
  return [element("h3", {}, title), element("p", {}, ...names.flat(), ".")];
}
