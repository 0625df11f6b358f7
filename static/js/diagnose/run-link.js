import { AddressError, parseAddress } from "../common/entered-address.js";
import { notAllowed } from "../common/link-problems.js";

/**
 * Read which address the link wants to be opened first, such as `#diagnose?run&to=/WS.ashx`. Its
 * options do not count: they may be faults that somebody simulates.
 *
 * @param {URLSearchParams} query of the link
 * @returns {{path: string | null, problem: string}} `path` of an address of this server, relative
 *     to its root, or null without one; a sentence if the link has another address
 */
export function addressOf(query) {
  const to = query.get("to");
  if (to === null) return { path: null, problem: "" };
  const path = ownPath(to);
  const allowed = "an address of this server, such as /WS.ashx";
  return { path, problem: path === null ? notAllowed("to", to, allowed) : "" };
}

function ownPath(text) {
  try {
    const { foreign, path } = parseAddress(text, window.location);
    return foreign ? null : path;
  } catch (error) {
    if (error instanceof AddressError) return null;
    throw error;
  }
}

/**
 * Whether the page's address asks for a run: `#diagnose?run` does, once for each visit of the link.
 * Back and Forward show an entry of the history again, which must not run again. A reload may.
 *
 * @param {URLSearchParams} query of the link
 * @returns {boolean}
 */
export function asksForRun(query) {
  if (!query.has("run")) return false;
  const { state } = window.history;
  const thisLoad = performance.timeOrigin;
  if (state?.ranIn === thisLoad) return false;
  window.history.replaceState({ ...state, ranIn: thisLoad }, "");
  return true;
}
