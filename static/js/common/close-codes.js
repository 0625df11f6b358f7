/**
 * @typedef {object} Close how a connection ended
 * @property {number} code
 * @property {string} reason
 * @property {boolean} opened whether the connection had been open
 * @property {boolean} [cancelled] whether the user ended the attempt to connect
 * @property {boolean} [abandoned] whether the page stopped waiting for the server's Close frame
 * @property {boolean} [foreign] whether the address belongs to another server
 */

/**
 * @param {Close} close
 * @returns {string} the line in the article's log, which does not tell a failed attempt apart
 */
export function closeLine(close) {
  return closeText(close.cancelled ? close : { ...close, opened: true });
}

/**
 * @param {Close} close
 * @returns {string} such as "connection closed (1001 going away)"
 */
export function closeText({ code, reason, opened, cancelled, abandoned }) {
  const told = reason ? `${code} ${reason}` : code;
  if (cancelled) return `attempt to connect cancelled (${told})`;
  if (abandoned) return `closed without waiting for the server’s reply (${told})`;
  return opened ? `connection closed (${told})` : `could not connect (${told})`;
}

// RFC 6455, section 7.4.1, and the IANA registry of close codes.
const CODES = {
  1000: "Normal closure.",
  1001: "Going away: the server is shutting down, or the user left the page.",
  1002: "Protocol error: the other side received something that RFC 6455 forbids.",
  1003: "Unsupported data: the other side does not accept this type of message.",
  1005: "The Close frame had no code.",
  1007: "Invalid data: the other side received text that is not UTF-8.",
  1008: "Policy violation: the other side does not allow this.",
  1009: "Message too big: the other side does not accept messages of this size.",
  1010: "Mandatory extension: the server did not accept an extension that the client requires.",
  1011: "Internal error: the server failed.",
  1012: "Service restart: the server is restarting.",
  1013: "Try again later: the server is overloaded.",
  1014: "Bad gateway: a gateway got an invalid response from the server behind it.",
};

/**
 * @param {Close} close
 * @returns {string} an explanation for the user
 */
export function explainClose({ code, opened, cancelled, abandoned, foreign }) {
  if (cancelled) return "The connection had not opened yet.";
  if (abandoned) return "No Close frame arrived before you connected again.";
  if (code !== 1006) return CODES[code] ?? explainRange(code);
  if (opened) {
    return "No Close frame arrived: the server, or something on the path, cut the connection.";
  }
  const never = "The connection never opened. A browser does not tell pages the reason";
  return foreign ? `${never}.` : `${never}; run Diagnose to find out.`;
}

// RFC 6455, section 7.4.2
function explainRange(code) {
  if (code >= 4000) return "Private code: the application defines its meaning.";
  if (code >= 3000) return "Code registered by a library or framework.";
  return "RFC 6455 does not define this code.";
}
