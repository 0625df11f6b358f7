/**
 * The part of the page's address after `#`: the name of a panel, and its configuration as a query,
 * such as `#talk?to=/echo&delay=2`.
 *
 * @typedef {object} Link
 * @property {string} panel
 * @property {URLSearchParams} query
 */

/**
 * @param {string} [hash] with its `#`
 * @returns {Link}
 */
export function readLink(hash = window.location.hash) {
  const [panel, ...query] = hash.slice(1).split("?");
  return { panel, query: new URLSearchParams(query.join("?")) };
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
 * @returns {string} with its `#`; slashes and commas stay readable, since a fragment may have them
 */
export function linkTo(panel, options) {
  const pairs = Object.entries(options).map(([name, value]) =>
    (value === "" ? name : `${name}=${readable(value)}`));
  return `#${panel}${pairs.length ? `?${pairs.join("&")}` : ""}`;
}

function readable(value) {
  return encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%2C", ",")
    .replaceAll("%3A", ":");
}
