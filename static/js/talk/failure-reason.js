import { pathRelation, requestOf } from "../common/diagnosis/facts.js";
import { refusalText } from "../common/trace-text.js";

// Refusals that Diagnose cannot explain better: the server can serve no more, ...
const LIMITS = ["full", "client-share", "handshake-rate", "threads", "server"];
// ... or the address is wrong, and no proxy has changed it.
const WRONG_ADDRESS = ["path", "query"];

/**
 * Why a connection did not open.
 *
 * @typedef {object} Reason
 * @property {string} text a sentence
 * @property {boolean} isComplete whether Diagnose cannot add to it
 */

/**
 * @param {object} target of the attempt
 * @param {boolean} target.foreign whether the address belongs to another server
 * @param {string[]} target.protocols offered
 * @returns {Reason} what this page can say before it has asked anybody
 */
export function firstReason({ foreign, protocols }) {
  const why = foreign
    ? "A browser does not tell pages the reason. The server may be down, or refuse this page."
    : "The reason is not known yet.";
  const offered = protocols.length
    ? `This page offered ${listed(protocols)}, and a browser drops a connection if the server `
      + "chooses none of them."
    : "";
  return { text: [why, offered].filter(Boolean).join(" "), isComplete: false };
}

/**
 * @param {import("../common/trace.js").Trace} trace of the attempt
 * @param {{address: string, protocols: string[]}} target of the attempt
 * @returns {Reason | null} null if the trace does not tell
 */
export function tracedReason({ attempts = [] }, { address, protocols }) {
  const last = attempts.at(-1);
  if (last?.refusal) return { text: refusalText(last), isComplete: saysAll(last, address) };
  if (!last || !protocols.length || last.response?.subprotocol) return null;
  return { text: unchosenReason(protocols), isComplete: true };
}

function saysAll(attempt, address) {
  const { problem } = attempt.refusal;
  if (!WRONG_ADDRESS.includes(problem)) return LIMITS.includes(problem);
  return pathRelation(new URL(address).pathname, requestOf(attempt).path) === "same";
}

function unchosenReason(protocols) {
  return `The server chose no subprotocol, but this page offered ${listed(protocols)}. Browsers `
    + "then drop the connection.";
}

function listed(protocols) {
  const names = protocols.map((name) => `“${name}”`).join(", ");
  return `the subprotocol${protocols.length === 1 ? "" : "s"} ${names}`;
}
