import { inspect } from "../../common/inspect.js";
import { summary } from "../../common/statistics.js";
import { fetchHealthHeaders } from "../health.js";
import { formatDuration } from "../../common/format.js";

const TIMES = 5;
const SLOW = 300; // ms; the far side of the earth with TLS takes about this
const VERY_SLOW = 3000;

export const handshakeTime = {
  id: "handshake-time",
  title: "Handshake time",
  about: `Opens ${TIMES} connections, one after the other, and times the handshake of each.`,
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const times = [];
  let server = null;
  for (let i = 0; i < TIMES; i += 1) {
    const { report, seconds } = await inspect({ signal });
    times.push(seconds * 1000);
    server = report.server;
    progress((i + 1) / (TIMES + 1));
  }
  return { times, http: await plainRequest(signal), server };
}

/** The time of an HTTP request on a connection that is open already: one way there and back. */
async function plainRequest(signal) {
  const times = [];
  for (let i = 0; i < 3; i += 1) {
    const started = performance.now();
    await fetchHealthHeaders(signal);
    times.push(performance.now() - started);
  }
  return Math.min(...times);
}

/** @param {{times: number[], http: number}} data in ms */
export function judge(data) {
  const { median, max } = summary(data.times);
  const times = data.times.map(formatDuration).join(", ");
  return {
    ...conclusion(median, data.http),
    figure: formatDuration(median),
    details: [["each", times], ["slowest", formatDuration(max)], ["HTTP request", formatDuration(data.http)]],
    data,
  };
}

function conclusion(median, http) {
  const there = `It takes ${formatDuration(median)} to open a connection`;
  if (median <= SLOW) return { verdict: "good", meaning: `${there}.` };
  const verdict = median > VERY_SLOW ? "bad" : "notable";
  if (median > 5 * http) {
    return {
      verdict,
      meaning: `${there}, but a plain HTTP request only ${formatDuration(http)}: not the distance is `
        + "slow, but what handles the upgrade.",
      advice: "Look at the proxies in front of the server, or at a server with too few threads.",
    };
  }
  return {
    verdict,
    meaning: `${there}, and a plain HTTP request ${formatDuration(http)}: the way is long or slow, for `
      + "WebSockets and for HTTP alike.",
    advice: "Keep connections open rather than opening them anew; a server that is nearer helps.",
  };
}
