import { formatSeconds } from "./format.js";

const SAME_MOMENT_MS = 1_500; // a lost connection is noticed at both ends within a second or so
const PING = 9; // opcode (RFC 6455, section 5.5.2)

const STREAM_ENDS = { "end of stream": "the end of the stream", reset: "a reset" };

/**
 * @typedef {object} Ends
 * @property {object} attempt of a trace; see docs/traces.md
 * @property {number} seconds for which the connection was open, as the browser saw it
 * @property {number} endedAt when the browser saw the end, in milliseconds (Unix)
 * @property {number} offsetMs what to add to a time of the browser for the server's clock
 *
 * @typedef {object} Verdict
 * @property {"cut-both-sides" | "cut-at-other-times" | "ping-unanswered" | "send-stuck"
 *     | "close-lost" | "not-noticed"} kind
 * @property {string} text for the user
 */

/**
 * Put both ends of a connection together that ended in the browser without a Close frame (1006).
 *
 * @param {Ends} ends
 * @returns {Verdict}
 */
export function bothEnds(ends) {
  const { end } = ends.attempt;
  if (!end) return notNoticed(ends);
  return (VERDICTS[end.how] ?? streamEnded)(ends);
}

const VERDICTS = {
  "unanswered ping": pingUnanswered,
  "send time-out": sendStuck,
  "close frame from the server": closeLost,
  "close frame from the client": replyLost,
};

function notNoticed(ends) {
  return { kind: "not-noticed", text: `${cut(ends)} The server has not noticed the end yet.` };
}

function streamEnded(ends) {
  const saw = `${cut(ends, ";")} the server saw ${STREAM_ENDS[ends.attempt.end.how] ?? "the end"}`;
  const lateMs = lateness(ends);
  if (Math.abs(lateMs) <= SAME_MOMENT_MS) {
    return { kind: "cut-both-sides", text: `${saw} at the same moment.` };
  }
  const distance = `${formatSeconds(Math.abs(lateMs))} ${lateMs > 0 ? "later" : "earlier"}`;
  return { kind: "cut-at-other-times", text: `${saw} ${distance}.` };
}

function pingUnanswered({ attempt }) {
  const since = lastPingAt(attempt);
  const duration = (from) => formatSeconds((attempt.end.at - from) * 1000);
  const text = since === null
    ? `The server got nothing for ${duration(attempt.last_byte_received_at ?? attempt.at)}, `
      + "and no answer to its ping: the path went silent."
    : `The server got no answer to its ping for ${duration(since)}: the path went silent.`;
  return { kind: "ping-unanswered", text };
}

// The trace has the first frames only. The last ping is among them if all pings are.
function lastPingAt({ frames = [], pings }) {
  const sent = frames.filter(({ direction, opcode }) => direction === "sent" && opcode === PING);
  return sent.length > 0 && sent.length === pings?.sent ? sent.at(-1).at : null;
}

function sendStuck() {
  const text = "The server took the connection as stuck: nothing was taken for the send time-out.";
  return { kind: "send-stuck", text };
}

function closeLost({ attempt }) {
  const code = codeFrom("server", attempt) ?? withCode(attempt.end.code);
  return {
    kind: "close-lost",
    text: `The server sent a Close frame ${code}, which did not arrive.`,
  };
}

function replyLost({ attempt }) {
  const got = `The server got a Close frame ${codeFrom("client", attempt) ?? "from this side"}`;
  const reply = codeFrom("server", attempt);
  const text = reply === null
    ? `${got} and sent none back.`
    : `${got}; its answer, a Close frame ${reply}, did not arrive.`;
  return { kind: "close-lost", text };
}

function codeFrom(side, { end }) {
  const frame = end.close_frames?.find(({ from }) => from === side);
  return frame ? withCode(frame.code) : null;
}

// A Close frame may have no code (RFC 6455, section 5.5.1).
function withCode(code) {
  return code === null || code === undefined ? "without a code" : `with code ${code}`;
}

function cut({ seconds }, mark = ".") {
  return `The browser saw a cut after ${formatSeconds(seconds * 1000)}${mark}`;
}

function lateness({ attempt, endedAt, offsetMs }) {
  return attempt.end.at * 1000 - (endedAt + offsetMs);
}
