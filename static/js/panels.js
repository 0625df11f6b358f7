/**
 * Show one panel at a time: the one that the address names after `#`, or else the first.
 *
 * @param {HTMLElement[]} panels each with an id, and a link to that id in the page
 * @param {function(string): void} shown takes the id of a panel that has just come into view
 */
export function startPanels(panels, shown = () => {}) {
  const show = () => {
    const wanted = panels.find((panel) => `#${panel.id}` === window.location.hash) ?? panels[0];
    for (const panel of panels) {
      panel.hidden = panel !== wanted;
      mark(panel, panel === wanted);
    }
    shown(wanted.id);
  };
  window.addEventListener("hashchange", show);
  show();
}

function mark(panel, current) {
  const link = document.querySelector(`a[href="#${panel.id}"]`);
  if (current) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}
