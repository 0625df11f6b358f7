/**
 * Say of a table that is wider than its region that it scrolls, and whether its end is out of view.
 * The style sheet shows it.
 *
 * @param {HTMLElement} region scrolls sideways, and has the table only
 */
export function watchWidth(region) {
  const update = () => {
    const { scrollLeft, scrollWidth, clientWidth } = region;
    region.dataset.scrolls = scrollWidth > clientWidth;
    region.dataset.more = scrollLeft + clientWidth < scrollWidth - 1; // fractions of a pixel
  };
  region.addEventListener("scroll", update);
  const observer = new ResizeObserver(update);
  observer.observe(region);
  observer.observe(region.firstElementChild);
}
