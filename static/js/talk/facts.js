import { bytes } from "../common/format.js";
import { roundTrip } from "./format.js";
import { hexOf } from "./payload.js";
import { codeMeaning } from "./wording.js";

const PREVIEW_LENGTH = 200; // more than fits in a row
const CLOSE_WORDS = { true: "closing handshake complete", false: "no closing handshake" };

/** @returns {string} what was on the wire, bytes as hex; of an event, its text */
export function contentOf({ kind, text, data }) {
  if (kind === "event") return text;
  return typeof data === "string" ? data : hexOf(data);
}

/** @returns {string} the beginning of the content, without the cost of all of it */
export function previewOf(entry) {
  const { data } = entry;
  const start = data?.slice(0, PREVIEW_LENGTH);
  return contentOf({ ...entry, data: start });
}

/** @returns {string[]} what is known of an entry beside its time and content, in words */
export function factsOf(entry) {
  return (entry.kind === "event" ? eventFacts(entry) : messageFacts(entry)).filter(Boolean);
}

function messageFacts(entry) {
  const type = typeof entry.data === "string" ? "text" : "binary";
  return [type, bytes(entry.bytes), tripFact(entry)];
}

function tripFact(entry) {
  const { answers } = entry;
  if (answers) return `answers message ${answers.id}, round trip ${roundTrip(answers)}`;
  if (entry.answer === "waiting") return "no answer yet";
  return roundTrip(entry);
}

function eventFacts({ address, subprotocol, extensions, code, clean, opened }) {
  return [
    address,
    subprotocol && `subprotocol: ${subprotocol}`,
    extensions && `extensions: ${extensions}`,
    code && CLOSE_WORDS[clean],
    code && codeMeaning(code, opened),
  ];
}
