const number = new Intl.NumberFormat("en");
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @returns {string} the local time of day, such as "13:30:00.123" */
export function clock(time) {
  const date = new Date(time);
  const pad = (value, length = 2) => String(value).padStart(length, "0");
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part));
  return `${parts.join(":")}.${pad(date.getMilliseconds(), 3)}`;
}

/** @returns {string} such as "1,234 B" */
export function size(bytes) {
  return `${number.format(bytes)} B`;
}

/** @returns {string} such as "1.3 ms"; browsers round their clock to a tenth or more */
export function milliseconds(duration) {
  return `${tenths.format(duration)} ms`;
}

/** @returns {string} such as "1.5 s", of milliseconds */
export function seconds(duration) {
  return `${tenths.format(duration / 1000)} s`;
}

/** @returns {string} the round trip of a sent message, or that there is none; "" for the others */
export function roundTrip(entry) {
  if (entry.answer === "waiting") return "waiting";
  if (entry.answer === "none") return "no answer";
  return entry.answer ? milliseconds(entry.roundTrip) : "";
}
