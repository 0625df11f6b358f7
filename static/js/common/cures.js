import { element } from "./element.js";

/**
 * Show lines to paste into the configuration of a proxy. If several products are possible, each is
 * folded.
 *
 * @param {Object<string, string>} cures by product
 * @returns {HTMLElement[]}
 */
export function cureElements(cures) {
  const entries = Object.entries(cures);
  return entries.map(([product, lines]) => element(
    "details",
    { class: "cure", ...(entries.length === 1 ? { open: "" } : {}) },
    element("summary", {}, product),
    element("pre", { tabindex: "0" }, lines),
  ));
}
