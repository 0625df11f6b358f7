import { copyAndTell } from "./clipboard.js";
import { element } from "./element.js";

/**
 * Create a block of lines to paste somewhere, with its name and a button that copies it.
 *
 * @param {string} name
 * @param {string} lines
 * @param {string} label of the button, for screen readers
 * @returns {HTMLElement}
 */
export function copyable(name, lines, label) {
  return element(
    "div",
    { class: "copyable" },
    bar(name, lines, label),
    element("pre", { tabindex: "0" }, lines),
  );
}

function bar(name, lines, label) {
  const told = element("span", { class: "copied", role: "status" });
  const copy = element("button", { type: "button", class: "outline", "aria-label": label }, "Copy");
  copy.addEventListener("click", () => copyAndTell(lines, told));
  return element("div", { class: "bar" }, element("strong", {}, name), told, copy);
}
