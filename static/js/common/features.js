/**
 * The operator can turn parts of the server off. The page says so in data attributes.
 *
 * - `inspect`: /inspect
 * - `faults`: simulated faults, in the query of /echo and /inspect
 * - `events`: /events, for the panel Compare
 * - `traces`: the server's end of a connection
 * - `foreign`: connections from this page to other servers
 *
 * @typedef {"inspect" | "faults" | "events" | "traces" | "foreign"} Feature
 */

/**
 * @param {Feature} feature
 * @returns {boolean}
 */
export function isOffered(feature) {
  return document.body.dataset[feature] !== "false";
}

/** @returns {string} the path of an echo without compression, if the server can be asked for it */
export function plainEcho() {
  return isOffered("faults") ? "echo?compress=off" : "echo";
}
