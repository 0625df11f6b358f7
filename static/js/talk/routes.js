import { firstDifference } from "../common/binary.js";

/** The WebSockets of the server by their paths, and how each is known to answer a message. */
export const ROUTES = {
  "WS.ashx": { answers: (sent, received) => greeted(received) === `${sent} back` },
  echo: { answers: same },
  "./": { answers: same },
};

function greeted(received) {
  try {
    return JSON.parse(received);
  } catch {
    return undefined; // binary, or not JSON
  }
}

function same(sent, received) {
  if (sent instanceof ArrayBuffer && received instanceof ArrayBuffer) {
    return firstDifference(new Uint8Array(sent), new Uint8Array(received)) === -1;
  }
  return sent === received;
}
