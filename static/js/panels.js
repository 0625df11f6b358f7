/**
 * Show one panel at a time: the one that the address names after `#`, or else the first.
 *
 * @param {HTMLElement[]} panels each with an id, and a link to that id in the page
 * @param {function(string): void} shown takes the id of a panel that has just come into view
 */
export function startPanels(panels, shown) {
  const show = () => {
    const wanted = panels.find((panel) => `#${panel.id}` === window.location.hash) ?? panels[0];
    for (const panel of panels) {
      panel.hidden = panel !== wanted;
      mark(panel, panel === wanted);
    }
    shown(wanted.id);
  };
  for (const panel of panels) {
    linkTo(panel).addEventListener("click", (event) => follow(event, show));
  }
  window.addEventListener("hashchange", show);
  show();
}

// A browser that follows a link into its own page scrolls there and takes the focus off the link.
function follow(event, show) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab or window of its own
  event.preventDefault();
  const { href } = event.currentTarget;
  if (href !== window.location.href) window.history.pushState(null, "", href);
  show();
}

function linkTo(panel) {
  return document.querySelector(`a[href="#${panel.id}"]`);
}

function mark(panel, current) {
  if (current) linkTo(panel).setAttribute("aria-current", "page");
  else linkTo(panel).removeAttribute("aria-current");
}
