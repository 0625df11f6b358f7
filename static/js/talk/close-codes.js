/** @returns {string} such as "connection closed (1001 going away)", a line of the log */
export function closeText(code, reason) {
  return `connection closed (${reason ? `${code} ${reason}` : code})`;
}

// RFC 6455, section 7.4.1, and the registry that it founded.
const CODES = {
  1000: "Normal closure: the connection has done what it was for.",
  1001: "Going away: the server stops, or the page was left.",
  1002: "Protocol error: the other side sent what RFC 6455 does not allow.",
  1003: "Unsupported data: this address takes no messages of that type.",
  1005: "The close frame had no code.",
  1007: "Invalid data: text that is not UTF-8.",
  1008: "Policy violation: the other side refuses what was asked.",
  1009: "Message too big.",
  1010: "Mandatory extension: the server did not negotiate what the client needs.",
  1011: "Internal error: the server could not go on.",
  1012: "Service restart.",
  1013: "Try again later: the server is overloaded.",
  1014: "Bad gateway: a gateway got no good answer from the server behind it.",
};

/**
 * @param {number} code of a close event
 * @param {boolean} opened whether the connection was open before
 * @returns {string} an explanation for the user
 */
export function explainCode(code, opened) {
  if (code !== 1006) return CODES[code] ?? explainRange(code);
  return opened
    ? "No close frame arrived: the connection was cut, by the server or by something in between."
    : "It never opened: nothing answered, or the upgrade was refused. The browser keeps the "
        + "reason to itself; the panel Diagnose looks for it.";
}

// RFC 6455, section 7.4.2
function explainRange(code) {
  if (code >= 4000) return "A private code: the application says what it means.";
  if (code >= 3000) return "A code registered by a library or framework.";
  return "A code that RFC 6455 does not define.";
}
