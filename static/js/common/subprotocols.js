const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110, section 5.6.2

/** @returns {string[]} the names in a comma-separated list */
export function parseSubprotocols(text) {
  const names = text.split(",").map((name) => name.trim());
  return names.filter(Boolean);
}

/** @returns {string} an error for the user, or "" if the name is empty or valid */
export function subprotocolError(text) {
  return text === "" || TOKEN.test(text) ? "" : `“${text}” is not a valid subprotocol name.`;
}

/** @returns {string} an error for the user, or "" for a valid list (RFC 6455, section 4.1) */
export function subprotocolListError(text) {
  const names = parseSubprotocols(text);
  const error = names.map(subprotocolError).find(Boolean);
  if (error) return error;
  return new Set(names).size === names.length ? "" : "Each subprotocol can be offered only once.";
}
