import { pause } from "../../common/pause.js";
import { Patience } from "../patience.js";

/**
 * Follow a stream of server-sent events, until the run is over. The browser comes back by itself
 * after a broken connection, but not after an error status.
 *
 * @param {import("../run.js").Task} task
 */
export async function followEventSource({ address, cursor, tally, signal }) {
  const patience = new Patience();
  const place = { cursor };
  while (!signal.aborted) {
    await untilClosed(address({ since: place.cursor }), { place, tally, signal, patience });
    await pause(patience.spend(), signal);
  }
}

function untilClosed(url, { place, tally, signal, patience }) {
  const source = new EventSource(url);
  source.addEventListener("open", () => {
    patience.restore();
    tally.connect();
  });
  source.addEventListener("message", ({ data, lastEventId }) => {
    place.cursor = lastEventId;
    tally.event(JSON.parse(data));
  });
  return new Promise((resolve) => {
    const end = () => {
      source.close();
      tally.disconnect();
      resolve();
    };
    source.addEventListener("error", () => {
      tally.failures += 1;
      if (source.readyState === EventSource.CLOSED) end();
    });
    signal.addEventListener("abort", end);
  });
}
