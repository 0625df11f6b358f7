import { hexOf } from "../common/binary.js";
import { formatBytes } from "../common/format.js";
import { anatomy, opcodeName } from "../common/frame-anatomy.js";

const SHOWN_BYTES = 16;

/** The masked frame with the text "Hello" in RFC 6455, section 5.7, in the form of a trace. */
export const EXAMPLE = {
  opcode: 1,
  fin: true,
  rsv1: false,
  mask: "37fa213d",
  payload: "48656c6c6f",
  wire_payload: "7f9f4d5158",
  wire_length: 11,
};

/**
 * @param {object} frame of a trace; see docs/traces.md
 * @returns {[string, string][]} its parts, and what each means
 */
export function frameFacts(frame) {
  const { first, second, extended, key, wire, length } = anatomy(frame);
  const head = [first, second, ...extended, ...key];
  const bytes = [...head, ...wire].slice(0, SHOWN_BYTES);
  const cut = bytes.length < frame.wire_length ? " …" : "";
  return [
    ["Opcode", `${frame.opcode}: ${opcodeName(frame.opcode)}`],
    ["FIN", frame.fin ? "1: the last frame of its message" : "0: the message has more frames"],
    ["RSV1", frame.rsv1 ? "1: compressed (permessage-deflate)" : "0: not compressed"],
    ["Mask", key.length > 0 ? `1: masked with ${hexOf(key)}` : "0: not masked"],
    ["Length", `header ${formatBytes(head.length)}, payload ${formatBytes(length)}`],
    ["On the wire", hexOf(bytes) + cut],
  ];
}
