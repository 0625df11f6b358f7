import { element } from "./element.js";

let count = 0; // of all tabs in the page, so that each has an id of its own

/**
 * Create tabs by the pattern of WAI-ARIA: arrow keys, Home and End select a tab, and the key Tab
 * leaves them (www.w3.org/WAI/ARIA/apg/patterns/tabs).
 *
 * @param {string} label names the tabs to screen readers
 * @param {[string, HTMLElement][]} panels each with the text of its tab; the first one is shown
 * @returns {HTMLElement}
 */
export function tabs(label, panels) {
  const buttons = panels.map(([text, panel]) => tab(text, panel));
  const select = (at) => buttons.forEach((button, other) =>
    mark(button, panels[other][1], other === at));
  buttons.forEach((button, at) => button.addEventListener("click", () => select(at)));
  const list = element("div", { role: "tablist", "aria-label": label }, ...buttons);
  list.addEventListener("keydown", (event) => {
    const at = next(event.key, buttons.indexOf(event.target), buttons.length);
    if (at === null) return;
    event.preventDefault(); // The page must not scroll.
    select(at);
    buttons[at].focus();
  });
  select(0);
  return element("div", { class: "tabs" }, list, ...panels.map(([, panel]) => panel));
}

function tab(text, panel) {
  const id = `tab-${count += 1}`;
  panel.id = `${id}-panel`;
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", id);
  return element("button", { type: "button", role: "tab", id, "aria-controls": panel.id }, text);
}

function mark(button, panel, selected) {
  button.setAttribute("aria-selected", String(selected));
  button.tabIndex = selected ? 0 : -1;
  panel.hidden = !selected;
}

/** @returns {number | null} the tab that a key selects; null for another key */
function next(key, at, number) {
  const targets = {
    ArrowRight: (at + 1) % number,
    ArrowLeft: (at + number - 1) % number,
    Home: 0,
    End: number - 1,
  };
  return targets[key] ?? null;
}
