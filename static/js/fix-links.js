/**
 * Mend the links of a page whose path a proxy has changed: decoded it, or merged its slashes. The
 * page tells which path the server saw, and the address tells the real one. What comes before that
 * path is the prefix.
 */

const { root, path } = document.body.dataset;
const prefix = prefixOf(window.location.pathname, plain(path));

if (prefix !== null) {
  for (const link of document.querySelectorAll("a[href]")) {
    const target = link.getAttribute("href").slice(root.length);
    link.href = new URL(target, `${window.location.origin}${prefix}`).href;
  }
}

/** @returns {string | null} with its slash; null if the address does not end with the path */
function prefixOf(address, wanted) {
  for (let at = 0; at !== -1; at = address.indexOf("/", at + 1)) {
    if (plain(address.slice(at)) === wanted) return address.slice(0, at + 1);
  }
  return null;
}

function plain(text) {
  return decoded(text).replace(/\/+/g, "/");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not UTF-8
  }
}
