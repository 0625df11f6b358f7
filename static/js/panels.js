import { element } from "./common/element.js";
import { readLink } from "./common/link.js";

const TITLE = document.title;

// Panels that the server can turn off.
const OPTIONAL = { handshake: "Handshake", compare: "Compare" };

/**
 * Show one panel at a time: the one named after `#` in the address, or else the first. A link to a
 * panel that is missing gets a notice.
 *
 * @param {HTMLElement[]} panels each with an id, and a tab that links to it
 * @param {Object<string, function(URLSearchParams): void>} shown by panel: called with the query
 *     of the link when the panel becomes visible, or when its link changes
 */
export function startPanels(panels, shown) {
  const notice = element("p", { id: "panels-notice", role: "alert" });
  panels[0].before(notice);
  const show = () => {
    const { panel: id, query } = readLink();
    const named = panels.find((panel) => panel.id === id);
    const wanted = named ?? panels[0];
    notice.textContent = named || !id ? "" : missing(id, wanted);
    for (const panel of panels) {
      panel.hidden = panel !== wanted;
      markTab(panel, panel === wanted);
    }
    document.title = titleOf(wanted, panels);
    shown[wanted.id]?.(named || !id ? query : new URLSearchParams());
  };
  for (const panel of panels) {
    tabOf(panel).addEventListener("click", (event) => follow(event, panel, show));
  }
  window.addEventListener("hashchange", show);
  show();
}

function missing(id, { id: shown }) {
  const reason = id in OPTIONAL
    ? `This server has turned off the panel ${OPTIONAL[id]}`
    : `This page has no panel “${id}”`;
  return `${reason}, so the link opens ${tabOf({ id: shown }).textContent}.`;
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
