import { requestOf } from "./diagnosis/facts.js";

const LIST = new Intl.ListFormat("en", { style: "long", type: "conjunction" });

/**
 * @param {import("./trace.js").Trace} trace that was not found
 * @returns {string} a sentence that says why, and does not guess
 */
export function missingText({ state, droppedAt, reason }) {
  if (state === "off") return `This server keeps no traces: ${reason ?? "they are off"}.`;
  if (state === "unreadable") return `The trace cannot be read: ${reason}.`;
  const found = "The worker or machine that answered has no trace of this connection";
  if (!droppedAt) return `${found}.`;
  const time = new Date(droppedAt * 1000).toLocaleTimeString("en-GB");
  return `${found}; it last dropped traces to make room for others at ${time}.`;
}

/**
 * @param {object} attempt of a trace that the server refused
 * @returns {string} a sentence
 */
export function refusalText(attempt) {
  const { status, reason, problem } = attempt.refusal;
  const lost = problem === "no-upgrade" ? lostLines(requestOf(attempt)) : [];
  if (!lost.length) {
    return `The server refused the upgrade with status ${status}: ${withStop(reason)}`;
  }
  return "A proxy seems to have removed the upgrade: the request reached the server without "
    + `${LIST.format(lost)} (status ${status}).`;
}

// A browser always asks for the upgrade, so what is missing was lost on the path.
function lostLines({ version, connection = "", upgrade = "" }) {
  return [
    ["HTTP/1.1", version !== "HTTP/1.0"],
    ["Connection: Upgrade", connection.toLowerCase().includes("upgrade")],
    ["Upgrade: websocket", upgrade.toLowerCase().includes("websocket")],
  ].filter(([, hasArrived]) => !hasArrived).map(([line]) => line);
}

function withStop(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
