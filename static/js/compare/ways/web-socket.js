import { webSocketAddress } from "../../common/address.js";
import { pause } from "../../common/pause.js";
import { Patience } from "../patience.js";

const LAST_WORD_MS = 1_000; // for the cost at the end

/**
 * Follow the events over a WebSocket, until the run is over. At the end the server says what it all
 * has cost.
 *
 * @param {import("../run.js").Task} task
 */
export async function followWebSocket({ address, cursor, tally, signal }) {
  const patience = new Patience();
  const place = { cursor };
  while (!signal.aborted) {
    const url = webSocketAddress(address({ since: place.cursor }), window.location);
    await untilClosed(url, { place, tally, signal, patience });
    await pause(patience.spend(), signal);
  }
}

function untilClosed(url, { place, tally, signal, patience }) {
  const socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    patience.restore();
    tally.connect();
  });
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if ("id" in message) {
      place.cursor = message.id;
      tally.event(message);
    } else {
      tally.connectionCost(message.cost);
      socket.close(1000);
    }
  });
  signal.addEventListener("abort", () => askForCost(socket));
  return new Promise((resolve) => {
    socket.addEventListener("close", () => {
      if (!signal.aborted) tally.failures += 1;
      tally.disconnect();
      resolve();
    });
  });
}

function askForCost(socket) {
  if (socket.readyState === WebSocket.OPEN) socket.send("cost");
  setTimeout(() => socket.close(1000), socket.readyState === WebSocket.OPEN ? LAST_WORD_MS : 0);
}
