import { anatomy, isControl } from "../common/frame-anatomy.js";

const CONTINUATION = 0;
const TEXT = 1;
const TAIL = new Uint8Array([0, 0, 0xff, 0xff]); // left out on the wire (RFC 7692, section 7.2.1)
const END = new Uint8Array([3, 0]); // an empty last block: the browser wants an end

/**
 * @typedef {object} Message the one that a frame belongs to
 * @property {boolean} isText
 * @property {boolean} isCompressed
 * @property {function(): Promise<Uint8Array | null>} inflate the whole compressed message;
 *     null if the trace has too little of it
 */

/**
 * Finds for each frame of one direction the message that it belongs to. Only the first frame of a
 * message has its type and RSV1 (RFC 7692, section 6); control frames may come in between.
 */
export class Messages {
  #first = { opcode: TEXT, rsv1: false };
  #compressed = []; // the frames of each compressed message

  /** @returns {Message} call it for all frames, in their order */
  next(frame) {
    if (isControl(frame)) {
      return { isText: false, isCompressed: frame.rsv1, inflate: async () => null };
    }
    if (frame.opcode !== CONTINUATION) this.#begin(frame);
    const { opcode, rsv1: isCompressed } = this.#first;
    if (isCompressed) this.#compressed.at(-1).push(frame);
    const count = this.#compressed.length;
    const inflate = () => inflateLast(this.#compressed.slice(0, count));
    return { isText: opcode === TEXT, isCompressed, inflate };
  }

  #begin(frame) {
    this.#first = frame;
    if (frame.rsv1) this.#compressed.push([]);
  }
}

// A message may repeat what earlier ones had (context takeover, RFC 7692, section 7.1.1).
async function inflateLast(messages) {
  const earlier = messages.map(payloadOf);
  const last = earlier.pop();
  if (last === null) return null;
  const alone = await inflated([last]);
  if (alone !== null || earlier.includes(null)) return alone;
  const [before, all] = await Promise.all([inflated(earlier), inflated([...earlier, last])]);
  return before && all && all.slice(before.length);
}

/** @returns {Uint8Array | null} the payload of a message, if the trace has all of it */
function payloadOf(frames) {
  const parts = frames.map(anatomy);
  const isWhole = frames.at(-1).fin && parts.every(({ plain, length }) => plain.length === length);
  return isWhole ? new Uint8Array(parts.flatMap(({ plain }) => plain)) : null;
}

// A message that repeats bytes from outside of `payloads` fails, so the result is never wrong.
async function inflated(payloads) {
  const parts = [...payloads.flatMap((payload) => [payload, TAIL]), END];
  try {
    const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    return null;
  }
}
