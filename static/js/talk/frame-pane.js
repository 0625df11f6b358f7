import { hexOf } from "../common/binary.js";
import { explainClose } from "../common/close-codes.js";
import { descriptions, element } from "../common/element.js";
import { formatBytes } from "../common/format.js";
import {
  anatomy,
  bits,
  characters,
  closeOf,
  decoded,
  hex,
  isControl,
  opcodeName,
} from "../common/frame-anatomy.js";
import { SIDES } from "./frame-table.js";

const ROW_BYTES = [16, 8, 4]; // the most that has room; 4 is one turn of the masking key
const EXPLAINED_BYTES = 4; // with their XOR
const FIRST_BITS = [["FIN", 1], ["RSV1", 1], ["RSV2", 1], ["RSV3", 1], ["opcode", 4]];
const SECOND_BITS = [["MASK", 1], ["payload length", 7]];
const CLOSE = 8;
const SHOWN_BYTES = 1_024; // of an inflated message, which may be a thousand times as long

const PURPOSES = {
  continuation: "the next part of a fragmented message",
  text: "a message of UTF-8, or its first part",
  binary: "a message of bytes, or its first part",
  close: "the end of the connection: the other side answers with a Close frame",
  ping: "the other side must answer with a pong of the same payload",
  pong: "the answer to a ping, or a sign of life",
};

/** The selected frame byte by byte, as in RFC 6455, section 5.2. */
export class FramePane {
  #pane;
  #title;
  #parts;
  #row = null;

  /** @param {HTMLElement} pane with a heading and a `div` for the parts */
  constructor(pane) {
    this.#pane = pane;
    this.#title = pane.querySelector("h3");
    this.#parts = pane.querySelector("div");
  }

  get isShown() {
    return !this.#pane.hidden;
  }

  /** @param {import("./frame-table.js").Row | null} row to show; null hides the pane */
  show(row) {
    this.#row = row;
    this.#pane.hidden = row === null;
    if (row === null) return;
    const { number, frame } = row;
    const size = formatBytes(frame.wire_length);
    const kind = `${opcodeName(frame.opcode)}, ${SIDES[frame.direction]}`;
    this.#title.textContent = `Frame ${number}: ${kind}, ${size} on the wire`;
    const bytes = anatomy(frame);
    this.#parts.replaceChildren(...partsOf(row, bytes));
    fillBytes(this.#parts.querySelector(".bytes"), row, bytes);
    if (row.isCompressed) this.#showInflated(row);
  }

  async #showInflated(row) {
    const message = await row.inflate();
    if (row !== this.#row) return;
    this.#parts.querySelector(".inflated")?.replaceWith(inflatedMeaning(row, message));
  }
}

function partsOf(row, bytes) {
  return [
    part("First byte", [bytes.first], firstByte(row, bytes)),
    part("Second byte", [bytes.second], secondByte(row, bytes)),
    bytes.extended.length > 0 && part("Extended length", bytes.extended, extended(bytes)),
    bytes.key.length > 0 && part("Masking key", bytes.key, [note(
      "Random, new for each frame. Byte i of the payload is XORed with byte i mod 4 of the key "
      + "(section 5.3), so that a page cannot choose the bytes that a proxy sees.",
    )]),
    part("Payload", [], payload(row, bytes), "payload-part"),
  ].filter(Boolean);
}

function part(name, bytes, content, kind = "") {
  const digits = bytes.length > 0 ? [" ", element("code", {}, hexOf(bytes))] : [];
  return element("section", { class: kind }, element("h4", {}, name, ...digits), ...content);
}

// The first two bytes

function firstByte({ frame, isCompressed }, { first }) {
  const name = opcodeName(frame.opcode);
  return [
    bitTable("Bits of the first byte", first, FIRST_BITS),
    list([
      [`FIN ${Number(frame.fin)}`, finText(frame)],
      [`RSV1 ${Number(frame.rsv1)}`, rsv1Text(frame, isCompressed)],
      ["RSV2, RSV3", "Reserved: must be 0. This server closes a connection that sets one of them."],
      [`opcode ${frame.opcode}`, `${name}: ${PURPOSES[name] ?? "RFC 6455 does not define it"}.`],
    ]),
  ];
}

function finText({ fin, opcode }) {
  if (isControl({ opcode })) return "A control frame is never fragmented.";
  return fin ? "The last frame of its message." : "More frames of this message follow.";
}

function rsv1Text(frame, isCompressed) {
  if (frame.rsv1) return "The message is compressed (permessage-deflate, RFC 7692).";
  if (isControl(frame)) return "A control frame is never compressed.";
  return isCompressed
    ? "Only the first frame of a compressed message sets it. This message is compressed."
    : "The message is not compressed.";
}

function secondByte({ frame }, { second }) {
  const isMasked = Boolean(frame.mask);
  const length = second & 0x7f;
  return [
    bitTable("Bits of the second byte", second, SECOND_BITS),
    list([
      [`MASK ${Number(isMasked)}`, maskText(frame)],
      [`length ${length}`, shortLengthText(length)],
    ]),
  ];
}

function maskText({ direction, mask }) {
  if (direction === "sent") return "A server never masks.";
  return mask ? "A client masks every frame." : "Not masked, although every client must.";
}

function shortLengthText(length) {
  if (length === 126) return "The length is in the next 2 bytes.";
  if (length === 127) return "The length is in the next 8 bytes.";
  return `The payload has ${formatBytes(length)}.`;
}

function extended({ extended: bytes, length }) {
  const value = `${length.toLocaleString("en")} bytes of payload`;
  return [note(`${value}, as a number of ${bytes.length} bytes, the most significant first.`)];
}

function bitTable(label, byte, fields) {
  const names = fields.map(([name, width]) =>
    element("th", { scope: "colgroup", colspan: String(width) }, name));
  const cells = [...bits(byte)].map((bit) => element("td", {}, bit));
  return element(
    "table",
    { class: "bits", "aria-label": label },
    element("thead", {}, element("tr", {}, ...names)),
    element("tbody", {}, element("tr", {}, ...cells)),
  );
}

// The payload

function payload(row, bytes) {
  if (bytes.length === 0) return [note("Empty.")];
  const isCut = bytes.plain.length < bytes.length;
  return [
    isCut && note(`The server keeps the first ${bytes.plain.length} of `
      + `${bytes.length.toLocaleString("en")} bytes.`),
    ...meaning(row, bytes, isCut),
    element("div", { class: "bytes" }),
    ...(bytes.key.length > 0 ? exclusiveOr(row, bytes) : []),
  ].filter(Boolean);
}

function meaning({ frame, isText, isCompressed }, bytes, isCut) {
  if (isCompressed) {
    return [
      note("The payload is compressed (permessage-deflate, RFC 7692)."),
      element("p", { class: "inflated" }, "Inflating …"),
    ];
  }
  if (frame.opcode === CLOSE) return closeMeaning(bytes);
  return isText ? [list([["Text", decoded(bytes.plain, isCut)]])] : [];
}

function inflatedMeaning({ isText }, message) {
  if (message === null) {
    return note("It cannot be inflated: the trace has only the first 64 bytes of each frame. To "
      + "read such messages, choose /echo and “No compression” in the options.");
  }
  const isCut = message.length > SHOWN_BYTES;
  const bytes = [...message.slice(0, SHOWN_BYTES)];
  const content = isText ? decoded(bytes, isCut) : hexOf(bytes);
  return list([["Whole message", content + (isCut ? " …" : "")]]);
}

function closeMeaning(bytes) {
  const close = closeOf(bytes);
  if (close === null) return [];
  const { code, reason } = close;
  const status = `${code}. ${explainClose({ code, opened: true })}`;
  return [list([
    [`Status code ${hexOf(bytes.plain.slice(0, 2))}`, status],
    ["Reason", reason || "none"],
  ])];
}

// Only the browser knows the width of a table.
function fillBytes(place, row, bytes) {
  if (!place) return; // the payload is empty
  for (const size of ROW_BYTES) {
    place.replaceChildren(byteTable(row, bytes, size));
    if (place.scrollWidth <= place.clientWidth) return;
  }
}

function byteTable({ isCompressed }, { plain, wire, key }, size) {
  const isMasked = key.length > 0;
  const head = isMasked ? ["Byte", "On the wire", "Unmasked"] : ["Byte", "On the wire"];
  if (!isCompressed) head.push("ASCII");
  const rows = [];
  for (let at = 0; at < plain.length; at += size) {
    const [masked, clear] = [wire, plain].map((bytes) => bytes.slice(at, at + size));
    const cells = isMasked ? [hexOf(masked), hexOf(clear)] : [hexOf(masked)];
    if (!isCompressed) cells.push(characters(clear));
    rows.push([String(at), ...cells]);
  }
  return table("Bytes of the payload", "payload", head, rows);
}

function exclusiveOr({ isCompressed }, { plain, wire, key }) {
  const head = ["Wire byte", "Mask byte", "XOR"];
  if (!isCompressed) head.push("ASCII");
  const rows = plain.slice(0, EXPLAINED_BYTES).map((byte, at) => {
    const cells = [wire[at], key[at % key.length], byte].map(withBits);
    return isCompressed ? cells : [...cells, characters([byte])];
  });
  return [
    note("XOR gives 1 where the bits of the wire byte and of the mask byte differ:"),
    table("Unmasking the first bytes", "xor", head, rows),
  ];
}

function withBits(byte) {
  return element("span", {}, hex(byte), " ", element("small", {}, bits(byte)));
}

function table(label, kind, head, rows) {
  const names = head.map((name) => element("th", { scope: "col" }, name));
  const lines = rows.map((cells) =>
    element("tr", {}, ...cells.map((content) => element("td", {}, content))));
  return element(
    "table",
    { class: kind, "aria-label": label },
    element("thead", {}, element("tr", {}, ...names)),
    element("tbody", {}, ...lines),
  );
}

function list(pairs) {
  return element("dl", {}, ...descriptions(pairs));
}

function note(text) {
  return element("p", {}, text);
}
