import { duration } from "../common/format.js";

/** @returns {string} the local time of day, such as "13:30:00.123" */
export function clock(time) {
  const date = new Date(time);
  const pad = (value, length = 2) => String(value).padStart(length, "0");
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part));
  return `${parts.join(":")}.${pad(date.getMilliseconds(), 3)}`;
}

/** @returns {string} such as "1,234 B": in one unit, as sizes are compared down a column */
export function size(bytes) {
  return `${bytes.toLocaleString("en")} B`;
}

/** @returns {string} the round trip of a sent message, or that there is none; "" for the others */
export function roundTrip(entry) {
  if (entry.answer === "waiting") return "waiting";
  if (entry.answer === "none") return "no answer";
  return entry.answer ? duration(entry.roundTrip) : "";
}
