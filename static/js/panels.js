/**
 * Show one panel at a time: the one named after `#` in the address, or else the first.
 *
 * @param {HTMLElement[]} panels each with an id, and a link to that id in the page
 * @param {function(string): void} shown takes the id of the panel that is now visible
 */
export function startPanels(panels, shown) {
  const show = () => {
    const wanted = panels.find((panel) => `#${panel.id}` === window.location.hash) ?? panels[0];
    for (const panel of panels) {
      panel.hidden = panel !== wanted;
      markLink(panel, panel === wanted);
    }
    shown(wanted.id);
  };
  for (const panel of panels) {
    linkTo(panel).addEventListener("click", (event) => follow(event, show));
  }
  window.addEventListener("hashchange", show);
  show();
}

// By default a link into the same page would scroll to its target and lose the focus.
function follow(event, show) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // opens a new tab or window
  event.preventDefault();
  const { href } = event.currentTarget;
  if (href !== window.location.href) window.history.pushState(null, "", href);
  show();
}

function linkTo(panel) {
  return document.querySelector(`a[href="#${panel.id}"]`);
}

function markLink(panel, current) {
  if (current) linkTo(panel).setAttribute("aria-current", "page");
  else linkTo(panel).removeAttribute("aria-current");
}
