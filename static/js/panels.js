import { readLink } from "./common/link.js";

const TITLE = document.title;

/**
 * Show one panel at a time: the one named after `#` in the address, or else the first.
 *
 * @param {HTMLElement[]} panels each with an id, and a tab that links to it
 * @param {Object<string, function(URLSearchParams): void>} shown by panel: called with the query
 *     of the link when the panel becomes visible, or when its link changes
 */
export function startPanels(panels, shown) {
  const show = () => {
    const { panel: id, query } = readLink();
    const wanted = panels.find((panel) => panel.id === id) ?? panels[0];
    for (const panel of panels) {
      panel.hidden = panel !== wanted;
      markTab(panel, panel === wanted);
    }
    document.title = titleOf(wanted, panels);
    shown[wanted.id]?.(query);
  };
  for (const panel of panels) {
    tabOf(panel).addEventListener("click", (event) => follow(event, panel, show));
  }
  window.addEventListener("hashchange", show);
  show();
}

// The title of the first panel is the article's.
function titleOf(panel, panels) {
  return panel === panels[0] ? TITLE : `${tabOf(panel).textContent} – ${TITLE}`;
}

// By default a link into the same page would scroll to its target and lose the focus.
function follow(event, panel, show) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // opens a new tab or window
  event.preventDefault();
  if (!panel.hidden) return; // The address may have the panel's configuration: keep it.
  window.history.pushState(null, "", event.currentTarget.href);
  show();
}

function tabOf(panel) {
  return document.querySelector(`#tab-${panel.id}`);
}

function markTab(panel, current) {
  if (current) tabOf(panel).setAttribute("aria-current", "page");
  else tabOf(panel).removeAttribute("aria-current");
}
