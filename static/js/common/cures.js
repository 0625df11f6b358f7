import { copyable } from "./copyable.js";
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
  const block = copyable(product, lines, `Copy the lines for ${product}`);
  block.classList.add("cure");
  block.dataset.product = product;
  if (lines.includes("BACKEND")) {
    block.append(element("p", { class: "placeholder" }, placeholderText(lines)));
  }
  return block;
}

function placeholderText(lines) {
  return lines.includes("BACKEND_HOST")
    ? "BACKEND_HOST and BACKEND_PORT stand for the address and the port of the server."
    : "BACKEND stands for the address of the server, such as 127.0.0.1:8080.";
}
