import { hexOf } from "../common/binary.js";
import { explainClose } from "../common/close-codes.js";
import { formatBytes, formatDuration } from "../common/format.js";

const PREVIEW_LENGTH = 200; // more than fits in a row
const CLOSE_HANDSHAKE = { true: "closing handshake complete", false: "no closing handshake" };

/** @returns {string} the text of a status, or the data of a message, with bytes as hex */
export function contentOf({ kind, text, data }) {
  if (kind === "status") return text;
  return typeof data === "string" ? data : hexOf(data);
}

/** @returns {string} the beginning of the content; the rest is not converted */
export function previewOf(entry) {
  const { data } = entry;
  const start = data?.slice(0, PREVIEW_LENGTH);
  return contentOf({ ...entry, data: start });
}

/** @returns {string} such as "1,234 B": one unit for all, so that a column can be compared */
export function sizeOf({ bytes }) {
  return bytes === undefined ? "" : `${bytes.toLocaleString("en")} B`;
}

/** @returns {string} the round trip of a sent message, or the state of its reply */
export function roundTripOf({ reply, roundTrip }) {
  if (reply === "waiting") return "waiting";
  if (reply === "none") return "no reply";
  return reply ? formatDuration(roundTrip) : "";
}

/** @returns {string[]} everything known of an entry except its time and content */
export function detailsOf(entry) {
  const details = entry.kind === "status" ? statusDetails(entry) : messageDetails(entry);
  return details.filter(Boolean);
}

function messageDetails(entry) {
  const type = typeof entry.data === "string" ? "text" : "binary";
  return [type, formatBytes(entry.bytes), replyDetail(entry)];
}

function replyDetail(entry) {
  const { replyTo } = entry;
  if (replyTo) return `reply to message ${replyTo.id}, round trip ${roundTripOf(replyTo)}`;
  if (entry.reply === "waiting") return "no reply yet";
  return entry.reply === "received" ? `round trip ${roundTripOf(entry)}` : roundTripOf(entry);
}

function statusDetails(entry) {
  const { address, subprotocol, extensions, code, clean } = entry;
  return [
    address,
    subprotocol && `subprotocol: ${subprotocol}`,
    extensions && `extensions: ${extensions}`,
    code && CLOSE_HANDSHAKE[clean],
    code && explainClose(entry),
  ];
}
