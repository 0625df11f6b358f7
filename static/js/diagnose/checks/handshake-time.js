import { formatDuration } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";
import { summary } from "../../common/statistics.js";
import { fetchHealthHeaders } from "../health.js";

const HANDSHAKES = 5;
const HTTP_REQUESTS = 3;
const SLOW = 300; // ms; to the other side of the earth a handshake with TLS takes about this
const VERY_SLOW = 3000;
const STALL = 1000; // ms
const STALL_FACTOR = 10; // times the median
const SLOW_UPGRADE = 5; // times the duration of an HTTP request

export const handshakeTime = {
  id: "handshake-time",
  title: "Handshake time",
  needs: ["inspect"],
  about: `Opens ${HANDSHAKES} connections, one at a time, and times the handshake of each.`,
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const times = [];
  let server = null;
  for (let i = 0; i < HANDSHAKES; i += 1) {
    const { report, seconds } = await inspect({ signal });
    times.push(seconds * 1000);
    server = report.server;
    progress((i + 1) / (HANDSHAKES + 1));
  }
  return { times, http: await timeHttp(signal), server };
}

/** The time of an HTTP request on a connection that is already open: one round trip. */
async function timeHttp(signal) {
  const times = [];
  for (let i = 0; i < HTTP_REQUESTS; i += 1) {
    const started = performance.now();
    await fetchHealthHeaders(signal);
    times.push(performance.now() - started);
  }
  return Math.min(...times);
}

/** @param {{times: number[], http: number}} data in ms */
export function judge(data) {
  const { median, max } = summary(data.times);
  return {
    ...(stalls(median, max) ? stalled(median, max) : conclusion(median, data.http)),
    timed: true,
    figure: formatDuration(median),
    details: [
      ["each", data.times.map(formatDuration).join(", ")],
      ["slowest", formatDuration(max)],
      ["HTTP request", formatDuration(data.http)],
    ],
    data,
  };
}

// Apache with H2WebSockets holds one handshake in some for five seconds.
function stalls(median, max) {
  return median <= SLOW && max > STALL && max > STALL_FACTOR * median;
}

function stalled(median, max) {
  return {
    verdict: "notable",
    meaning: `Most handshakes take ${formatDuration(median)}, and one took ${formatDuration(max)}: `
      + "something on the path holds some of them.",
    advice: "Run this check again. If it happens again, look at the proxies in front of the "
      + "server (with Apache: turn H2WebSockets off).",
  };
}

function conclusion(median, http) {
  const time = `A handshake takes ${formatDuration(median)}`;
  if (median <= SLOW) return { verdict: "good", meaning: `${time}.` };
  const verdict = median > VERY_SLOW ? "bad" : "notable";
  if (median > SLOW_UPGRADE * http) {
    return {
      verdict,
      meaning: `${time}, but a plain HTTP request only ${formatDuration(http)}. So the upgrade is `
        + "slow, not the network.",
      advice: "Check the proxies in front of the server, and whether it has enough threads.",
    };
  }
  return {
    verdict,
    meaning: `${time} and a plain HTTP request ${formatDuration(http)}. So the network path is `
      + "long or slow, for WebSockets and HTTP alike.",
    advice: "Keep connections open instead of opening new ones. A server closer to the user helps.",
  };
}
