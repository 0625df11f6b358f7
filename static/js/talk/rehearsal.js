// What the fields of the form are called is what /echo calls it.
const NAMES = [
  ...["ping", "compress", "subprotocol"],
  ...["delay", "jitter", "push"],
  ...["close", "reason", "after", "drop"],
];
const NUMBERS = new Set(["delay", "jitter", "push", "close", "after", "drop"]);
const CODES = [[1000, 1003], [1007, 1014], [3000, 4999]]; // that a server may send
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110, section 5.6.2

const encoder = new TextEncoder();

/**
 * @param {FormData} fields of a form: only those that are enabled count, and only if not empty
 * @returns {string} a query with its question mark, or "" if nothing is rehearsed
 */
export function queryOf(fields) {
  const pairs = NAMES.filter((name) => fields.get(name)).map((name) => {
    const text = fields.get(name);
    return `${name}=${encodeURIComponent(NUMBERS.has(name) ? decimal(text) : text)}`;
  });
  if (fields.get("ending") === "mute") pairs.push("mute");
  return pairs.length ? `?${pairs.join("&")}` : "";
}

// A field of a form takes 1e3, too; the server takes plain decimals of up to nine places only.
function decimal(text) {
  return Number(text).toFixed(9).replace(/\.?0+$/, "");
}

/** @returns {string} what is wrong with a close code as the server may send it, or "" */
export function complaintOfCode(text) {
  const code = Number(text);
  const known = CODES.some(([from, to]) => Number.isInteger(code) && from <= code && code <= to);
  return known ? "" : "A server may send 1000 to 1003, 1007 to 1014 and 3000 to 4999.";
}

/** @returns {string} what is wrong with the reason of a close frame, or "" */
export function complaintOfReason(text) {
  const { length } = encoder.encode(text);
  return length <= 123 ? "" : `A close frame has room for 123 bytes of reason; this is ${length}.`;
}

/** @returns {string} what is wrong with the name of a subprotocol, if there is one, or "" */
export function complaintOfProtocol(text) {
  return text === "" || TOKEN.test(text) ? "" : `“${text}” is no name of a subprotocol.`;
}

/** @returns {string} what is wrong with a list of subprotocols, or "" (RFC 6455, section 4.1) */
export function complaintOfProtocols(text) {
  const names = protocolsOf(text);
  const complaint = names.map(complaintOfProtocol).find(Boolean);
  if (complaint) return complaint;
  return new Set(names).size === names.length ? "" : "Each subprotocol can be offered once.";
}

/** @returns {string[]} the names in a list with commas between them */
export function protocolsOf(text) {
  const names = text.split(",").map((name) => name.trim());
  return names.filter(Boolean);
}
