import { contentOf, factsOf } from "./facts.js";
import { MARKS } from "./log.js";

/**
 * @param {object[]} entries of a record
 * @returns {string} a JSON document with all that is known of each
 */
export function asJson(entries) {
  const exported = isoTime(Date.now());
  const about = { page: window.location.href, browser: navigator.userAgent, exported };
  return `${JSON.stringify({ ...about, entries: entries.map(plain) }, null, 2)}\n`;
}

/**
 * @param {object[]} entries of a record
 * @returns {string} a line for each, and more where its content has more
 */
export function asText(entries) {
  return entries.map(paragraph).join("");
}

function plain(entry) {
  const { id, kind, time } = entry;
  const common = { id, kind, time: isoTime(time) };
  return kind === "event" ? { ...common, ...eventFields(entry) } : { ...common, ...message(entry) };
}

function eventFields({ text, address, subprotocol, extensions, code, reason, clean, opened }) {
  return { text, address, subprotocol, extensions, code, reason, clean, opened };
}

function message({ kind, data, bytes, answer, answers, roundTrip }) {
  const content = typeof data === "string" ? { type: "text", data } : { type: "binary" };
  const hex = content.type === "binary" ? contentOf({ kind, data }) : undefined;
  const trip = kind === "sent" ? { answer, roundTripMs: roundTrip } : { answers: answers?.id };
  return { bytes, ...content, hex, ...trip };
}

function paragraph(entry) {
  const content = contentOf(entry).replaceAll("\n", "\n    ");
  const facts = factsOf(entry).join("; ");
  const line = `${isoTime(entry.time)} #${entry.id} ${MARKS[entry.kind]} ${content}`;
  return facts ? `${line} (${facts})\n` : `${line}\n`;
}

function isoTime(time) {
  return new Date(time).toISOString();
}
