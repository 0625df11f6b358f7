/**
 * Say in one sentence why a connection did not open, as far as this page knows.
 *
 * @param {object} attempt
 * @param {boolean} attempt.foreign whether the address belongs to another server
 * @param {string[]} attempt.protocols offered
 * @returns {string}
 */
export function firstReason({ foreign, protocols }) {
  const who = foreign ? "The server may be down, or refuse this page." : "";
  const offered = protocols.length
    ? `This page offered ${listed(protocols)}, and a browser drops a connection if the server `
      + "chooses none of them."
    : "";
  return ["Browsers do not say why.", who, offered].filter(Boolean).join(" ");
}

/** @returns {string} the reason if the server opened the connection without a subprotocol */
export function unchosenReason(protocols) {
  return `The server chose no subprotocol, but this page offered ${listed(protocols)}. Browsers `
    + "then drop the connection.";
}

function listed(protocols) {
  const names = protocols.map((name) => `“${name}”`).join(", ");
  return `the subprotocol${protocols.length === 1 ? "" : "s"} ${names}`;
}
