/** Fields of the form, which have the names of the query options of /echo. */
export const OPTIONS = [
  ...["ping", "compress", "subprotocol"],
  ...["delay", "jitter", "push"],
  ...["close", "reason", "after", "drop"],
];
const NUMBERS = new Set(["delay", "jitter", "push", "close", "after", "drop"]);
const CLOSE_CODES = [[1000, 1003], [1007, 1014], [3000, 4999]]; // RFC 6455, section 7.4
const MAX_REASON_BYTES = 123; // 125 for a control frame (RFC 6455, section 5.5), 2 for the code

const encoder = new TextEncoder();

/**
 * @param {FormData} fields of the form, which leaves out disabled ones; empty ones are ignored
 * @returns {string} the query of /echo with its question mark, or "" for no faults
 */
export function faultQuery(fields) {
  const pairs = OPTIONS.filter((name) => fields.get(name)).map((name) => {
    const text = fields.get(name);
    return `${name}=${encodeURIComponent(NUMBERS.has(name) ? decimal(text) : text)}`;
  });
  if (fields.get("behaviour") === "mute") pairs.push("mute");
  return pairs.length ? `?${pairs.join("&")}` : "";
}

/**
 * @param {string} query of /echo with its question mark, or ""
 * @returns {Object<string, string>} values of the fields; the form cannot show every query
 */
export function faultFields(query) {
  const { mute, ...values } = Object.fromEntries(new URLSearchParams(query));
  const behaviours = [["mute", mute], ["close", values.close], ["drop", values.drop]];
  const [behaviour] = behaviours.find(([, value]) => value !== undefined) ?? ["normal"];
  return { ...values, behaviour };
}

/** @returns {boolean} whether two queries have the same options */
export function isSameQuery(one, other) {
  const sorted = (query) => [...new URLSearchParams(query)].map(String).sort().join("\n");
  return sorted(one) === sorted(other);
}

// A number field accepts 1e3; the server accepts only decimals of up to nine places.
function decimal(text) {
  return Number(text).toFixed(9).replace(/\.?0+$/, "");
}

/** @returns {string} an error for the user, or "" for a code that a server may send */
export function closeCodeError(text) {
  const code = Number(text);
  const valid = CLOSE_CODES.some(([from, to]) =>
    Number.isInteger(code) && from <= code && code <= to);
  return valid ? "" : "A server may send 1000 to 1003, 1007 to 1014 and 3000 to 4999.";
}

/** @returns {string} an error for the user, or "" for a reason that fits into a Close frame */
export function closeReasonError(text) {
  const { length } = encoder.encode(text);
  if (length <= MAX_REASON_BYTES) return "";
  return `The reason may be at most ${MAX_REASON_BYTES} bytes; this is ${length}.`;
}
