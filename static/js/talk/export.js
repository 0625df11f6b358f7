import { MARKS } from "./entry.js";
import { contentOf, detailsOf } from "./entry-text.js";

/**
 * @param {import("./entry.js").Entry[]} entries
 * @returns {string} a JSON document with everything known of each entry
 */
export function asJson(entries) {
  const exported = isoTime(Date.now());
  const about = { page: window.location.href, browser: navigator.userAgent, exported };
  return `${JSON.stringify({ ...about, entries: entries.map(entryFields) }, null, 2)}\n`;
}

/**
 * @param {import("./entry.js").Entry[]} entries
 * @returns {string} one line for each entry, more if its content has several lines
 */
export function asText(entries) {
  return entries.map(paragraph).join("");
}

function entryFields(entry) {
  const { id, kind, time } = entry;
  const fields = kind === "status" ? statusFields(entry) : messageFields(entry);
  return { id, kind, time: isoTime(time), ...fields };
}

function statusFields(entry) {
  const { text, address, subprotocol, extensions, code, reason, clean, opened } = entry;
  return { text, address, subprotocol, extensions, code, reason, clean, opened };
}

function messageFields({ kind, data, bytes, reply, replyTo, roundTrip }) {
  const content = typeof data === "string"
    ? { type: "text", data }
    : { type: "binary", hex: contentOf({ kind, data }) };
  const trip = kind === "sent" ? { reply, roundTripMs: roundTrip } : { replyTo: replyTo?.id };
  return { bytes, ...content, ...trip };
}

function paragraph(entry) {
  const content = contentOf(entry).replaceAll("\n", "\n    ");
  const details = detailsOf(entry).join("; ");
  const line = `${isoTime(entry.time)} #${entry.id} ${MARKS[entry.kind]} ${content}`;
  return details ? `${line} (${details})\n` : `${line}\n`;
}

function isoTime(time) {
  return new Date(time).toISOString();
}
