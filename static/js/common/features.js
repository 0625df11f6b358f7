/**
 * The operator can turn parts of the server off: `inspect` (/inspect) and `faults` (fault
 * simulation, in the query of /echo and /inspect). The page says so in data attributes.
 *
 * @param {"inspect" | "faults"} feature
 * @returns {boolean}
 */
export function isOffered(feature) {
  return document.body.dataset[feature] !== "false";
}

/** @returns {string} the path of an echo without compression, if the server can be asked for it */
export function plainEcho() {
  return isOffered("faults") ? "echo?compress=off" : "echo";
}
