// The parts of a frame (RFC 6455, section 5.2), reconstructed from what a trace has of it.

const OPCODES = new Map([
  [0, "continuation"],
  [1, "text"],
  [2, "binary"],
  [8, "close"],
  [9, "ping"],
  [10, "pong"],
]);
const CLOSE = 8; // this and all above are control frames
const KEY_BYTES = 4;

const decoder = new TextDecoder(); // replaces what is not UTF-8

/** @returns {string} such as "text" */
export function opcodeName(opcode) {
  return OPCODES.get(opcode) ?? `reserved (${opcode})`;
}

/** @returns {boolean} for Close, ping and pong */
export function isControl({ opcode }) {
  return opcode >= CLOSE;
}

/**
 * @param {object} frame of a trace; see docs/traces.md
 * @returns {{first: number, second: number, extended: number[], key: number[], plain: number[],
 *     wire: number[], length: number}} the bytes of each part; `length` of the whole payload, of
 *     which `plain` and `wire` are the beginning
 */
export function anatomy(frame) {
  const { fin, rsv1, opcode, mask, payload, wire_payload: wirePayload } = frame;
  const key = bytesOf(mask);
  const { length, extended } = lengthOf(frame.wire_length - 2 - key.length);
  const short = extended.length === 0 ? length : extended.length === 2 ? 126 : 127;
  const plain = bytesOf(payload);
  return {
    first: (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode,
    second: (key.length === KEY_BYTES ? 0x80 : 0) | short,
    extended,
    key,
    plain,
    wire: mask ? bytesOf(wirePayload) : plain,
    length,
  };
}

// The length takes the fewest bytes in which it fits (RFC 6455, section 5.2).
function lengthOf(rest) {
  if (rest <= 125) return { length: rest, extended: [] };
  const size = rest - 2 <= 0xffff ? 2 : 8;
  return { length: rest - size, extended: bigEndian(rest - size, size) };
}

function bigEndian(number, size) {
  const bytes = new Array(size).fill(0);
  for (let at = size - 1, rest = number; at >= 0; at -= 1, rest = Math.floor(rest / 256)) {
    bytes[at] = rest % 256;
  }
  return bytes;
}

/** @returns {number[]} the bytes that hex digits stand for; none for null */
export function bytesOf(digits) {
  return (digits ?? "").match(/../g)?.map((pair) => parseInt(pair, 16)) ?? [];
}

/** @returns {string} such as "0f" */
export function hex(byte) {
  return byte.toString(16).padStart(2, "0");
}

/** @returns {string} such as "00001111" */
export function bits(byte) {
  return byte.toString(2).padStart(8, "0");
}

/** @returns {string} one character for each byte: ASCII, or a dot */
export function characters(bytes) {
  const shown = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·");
  return bytes.map(shown).join("");
}

/** @returns {string} UTF-8 decoded; a character that is cut off at the end is left out */
export function decoded(bytes, isCut) {
  return isCut
    ? new TextDecoder().decode(new Uint8Array(bytes), { stream: true })
    : decoder.decode(new Uint8Array(bytes));
}

/** @returns {{code: number, reason: string} | null} of a Close frame (section 5.5.1) */
export function closeOf({ plain, length }) {
  if (plain.length < 2) return null;
  const reason = decoded(plain.slice(2), plain.length < length);
  return { code: plain[0] * 256 + plain[1], reason };
}
