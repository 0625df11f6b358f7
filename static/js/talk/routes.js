import { firstDifference } from "../common/binary.js";

/** The WebSocket paths of the service, and how to recognize the reply of each to a message. */
const ROUTES = {
  "WS.ashx": { isReply: (sent, received) => parsed(received) === `${sent} back`, isSure: true },
  echo: { isReply: isSame, isSure: true },
  "./": { isReply: isSame, isSure: true },
};

// Another server may answer anything, or nothing. Only a message that comes back shows a reply.
const UNKNOWN = { isReply: isSame, isSure: false };

/**
 * @param {import("../common/entered-address.js").Address} address
 * @returns {string} the name of a path above, or "" for another address
 */
export function routeOf({ foreign, path }) {
  const name = path || "./";
  return !foreign && name in ROUTES ? name : "";
}

/**
 * @param {import("../common/entered-address.js").Address} address
 * @returns {{isReply: function(*, *): boolean, isSure: boolean}} `isReply` takes the data sent and
 *     the data received; `isSure` if each message gets a reply
 */
export function repliesOf(address) {
  return ROUTES[routeOf(address)] ?? UNKNOWN;
}

function parsed(received) {
  try {
    return JSON.parse(received);
  } catch {
    return undefined; // binary, or not JSON
  }
}

function isSame(sent, received) {
  if (sent instanceof ArrayBuffer && received instanceof ArrayBuffer) {
    return firstDifference(new Uint8Array(sent), new Uint8Array(received)) === -1;
  }
  return sent === received;
}
