/**
 * @param {string} path relative to the page, so that a prefix added by a proxy is kept
 * @param {{href: string}} location of the page: `window.location`
 * @returns {string} a `ws:` address for an `http:` page, `wss:` for `https:`
 */
export function webSocketAddress(path, location) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}
