import { copyAndTell } from "./clipboard.js";
import { element } from "./element.js";
import { tabs } from "./tabs.js";

/**
 * Show lines to paste into the configuration of a proxy. If several products are possible, each has
 * a tab.
 *
 * @param {Object<string, string>} cures lines by product, the most likely one first
 * @returns {HTMLElement[]}
 */
export function cureElements(cures) {
  const blocks = Object.entries(cures).map(([product, lines]) => [product, cure(product, lines)]);
  return blocks.length > 1 ? [tabs("Proxy", blocks)] : blocks.map(([, block]) => block);
}

function cure(product, lines) {
  const block = element(
    "div",
    { class: "cure", "data-product": product },
    bar(product, lines),
    element("pre", { tabindex: "0" }, lines),
  );
  if (lines.includes("BACKEND")) {
    block.append(element("p", { class: "placeholder" }, placeholderText(lines)));
  }
  return block;
}

/** The name of the product, and the button that copies its lines. */
function bar(product, lines) {
  const told = element("span", { class: "copied", role: "status" });
  const label = `Copy the lines for ${product}`;
  const copy = element("button", { type: "button", class: "outline", "aria-label": label }, "Copy");
  copy.addEventListener("click", () => copyAndTell(lines, told));
  return element("div", { class: "bar" }, element("strong", {}, product), told, copy);
}

function placeholderText(lines) {
  return lines.includes("BACKEND_HOST")
    ? "BACKEND_HOST and BACKEND_PORT stand for the address and the port of the server."
    : "BACKEND stands for the address of the server, such as 127.0.0.1:8080.";
}
