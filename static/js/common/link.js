/**
 * The part of the page's address after `#`: the name of a panel, and its configuration as a query,
 * such as `#talk?to=/echo&delay=2`.
 *
 * @typedef {object} Link
 * @property {string} panel
 * @property {URLSearchParams} query
 */

/** @returns {Link} of the page's address */
export function readLink() {
  const [panel, ...query] = window.location.hash.slice(1).split("?");
  return { panel, query: new URLSearchParams(query.join("?")) };
}

/**
 * @param {URLSearchParams} query
 * @returns {boolean} whether a link carries a configuration; not every browser has `size`
 */
export function hasOptions(query) {
  return query.toString() !== "";
}

/**
 * Put the configuration of a panel into the page's address, so that it can be copied from there.
 * The history gets no new entry.
 *
 * @param {string} panel does nothing if another one is shown
 * @param {Object<string, string>} options
 */
export function writeLink(panel, options) {
  const shown = readLink().panel || "talk";
  if (shown !== panel) return;
  const link = linkTo(panel, options);
  // The plain address of the page stays as it is.
  if (window.location.hash === "" && Object.keys(options).length === 0) return;
  if (link !== window.location.hash) window.history.replaceState(null, "", link);
}

/**
 * @param {string} panel
 * @param {Object<string, string>} options
 * @returns {string} a link into the page
 */
export function linkTo(panel, options) {
  const pairs = Object.entries(options).map(([name, value]) =>
    (value === "" ? name : `${name}=${readable(value)}`));
  return `#${panel}${pairs.length ? `?${pairs.join("&")}` : ""}`;
}

// A fragment may have these characters (RFC 3986, section 3.5).
function readable(value) {
  return encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%2C", ",")
    .replaceAll("%3A", ":");
}
