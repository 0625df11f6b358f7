/**
 * @param {import("../common/trace.js").Trace} trace that was not found
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
 * @param {{status: number, reason: string}} refusal of an attempt in a trace
 * @returns {string} a sentence
 */
export function refusalText({ status, reason }) {
  return `The server refused the upgrade with status ${status}: ${withStop(reason)}`;
}

function withStop(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
