import { firstDifference } from "../common/binary.js";

/** The WebSocket paths of the server, and how to recognize the reply of each to a message. */
export const ROUTES = {
  "WS.ashx": { isReply: (sent, received) => parsed(received) === `${sent} back` },
  echo: { isReply: isSame },
  "./": { isReply: isSame },
};

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
