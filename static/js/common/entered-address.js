import { webSocketAddress } from "./address.js";

/** The text is no address that this page can connect to. The message is for the user. */
export class AddressError extends Error {}

/**
 * @typedef {object} Address
 * @property {string} href with `ws:` or `wss:`
 * @property {boolean} foreign whether it belongs to another server than this page
 * @property {string} path of an own address, relative to the service's root, such as "echo"; "" for
 *     the root and for a foreign address
 * @property {string} query with its question mark, or ""
 */

/**
 * Read what the user enters: a path of this service, such as `/echo`, or a whole address.
 *
 * @param {string} text
 * @param {{href: string, protocol: string}} location of the page
 * @returns {Address}
 * @throws {AddressError}
 */
export function parseAddress(text, location) {
  const root = new URL(webSocketAddress(".", location));
  const url = urlOf(text.trim(), root);
  if (url.href.includes("#")) throw new AddressError("A WebSocket address has no part after #.");
  checkMixedContent(url, location);
  const foreign = !url.href.startsWith(root.href);
  const path = foreign ? "" : url.href.slice(root.href.length).split("?")[0];
  return { href: url.href, foreign, path, query: url.search };
}

/** @returns {string} the shortest text that `parseAddress` reads as this address */
export function shortAddress({ href, foreign, path, query }) {
  return foreign ? href : `/${path}${query}`;
}

function urlOf(text, root) {
  if (text === "") throw new AddressError("Enter an address, such as /echo or wss://example.org/.");
  try {
    return withWebSocketScheme(text, root);
  } catch (error) {
    if (error instanceof AddressError) throw error;
    throw new AddressError(`“${text}” is not a valid address.`);
  }
}

// People often paste the address of a page.
function withWebSocketScheme(text, root) {
  if (text.startsWith("//")) return new URL(root.protocol + text);
  if (text.startsWith("/")) return new URL(`.${text}`, root);
  const scheme = /^(ws|http)(s?):\/\//i.exec(text);
  if (!scheme) throw new AddressError("Start the address with ws://, wss:// or /.");
  return new URL(`ws${scheme[2]}://${text.slice(scheme[0].length)}`);
}

// Browsers make an exception for servers on the same machine (W3C Mixed Content, section 4.4).
function checkMixedContent({ protocol, hostname }, location) {
  if (location.protocol !== "https:" || protocol !== "ws:") return;
  if (/^(127\.|localhost$|.*\.localhost$|\[::1\]$)/.test(hostname)) return;
  throw new AddressError(
    "This page came over https, so the browser forbids ws:. Use wss:, or open this page over http.",
  );
}
