import { isControl } from "../common/frame-anatomy.js";
import { pause } from "../common/pause.js";
import { missingText } from "../common/trace-text.js";
import { readTrace } from "../common/trace.js";

const TRIES = 4;
const PAUSE_MS = 1_000; // the server stores a trace as often

const LATE = "The server’s trace does not have this message yet.";
const LOST = "This message did not arrive at the server.";
const NOT_KEPT = "The server’s trace does not have the frames of this message. It keeps the first "
  + "100 of each direction, and none if it is short of room.";

/**
 * Find the first frame of a message that this browser has sent, as the server saw it.
 *
 * @param {string} trace ID of the connection
 * @param {number} number of the message, from 1
 * @param {AbortSignal} signal
 * @returns {Promise<{frame?: object, reason?: string}>} the frame, or a sentence that says why it
 *     is unknown
 * @throws the signal's reason
 */
export async function findSentFrame(trace, number, signal) {
  for (let tries = 1; ; tries += 1) {
    const found = lookIn(await readTrace(trace, { signal }), number);
    if (found.reason !== LATE || tries === TRIES) return found;
    await pause(PAUSE_MS, signal);
  }
}

function lookIn(trace, number) {
  if (trace.state !== "found") return { reason: missingText(trace) };
  const { frames = [], messages, outcome } = trace.attempts.at(-1);
  const frame = firstFrames(frames)[number - 1];
  if (frame) return { frame };
  if ((messages?.received ?? 0) >= number) return { reason: NOT_KEPT };
  return { reason: outcome === "open" ? LATE : LOST };
}

// Only the first frame of a message has an opcode of its own (RFC 6455, section 5.4).
function firstFrames(frames) {
  return frames.filter((frame) =>
    frame.direction === "received" && frame.opcode !== 0 && !isControl(frame));
}
