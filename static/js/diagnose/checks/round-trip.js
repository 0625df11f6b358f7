import { withClient } from "../../common/client.js";
import { isUneven, roundTripFacts } from "../../common/diagnosis/facts.js";
import { formatDuration } from "../../common/format.js";
import { summary } from "../../common/statistics.js";
import { verdictResult } from "../verdict-result.js";

const MESSAGES = 200;
const SECONDS = 4; // on a slow path the check stops here, with fewer messages
const WAITS = 60;
const WAIT_MS = 5;
const SERIES = 3; // a busy machine stalls, too: a bad series is measured again

export const roundTrip = {
  id: "round-trip",
  title: "Round trip",
  about: `Sends ${MESSAGES} short messages, one at a time.`,
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

/** @returns {Promise<{times: number[], stall: number}>} the best of some series */
async function measure(context) {
  const series = [];
  while (series.length < SERIES) {
    const times = await oneSeries(context);
    const { median, p99 } = summary(times);
    if (!isUneven(median, p99)) return { times, stall: 0 };
    series.push(times);
  }
  const best = series.reduce((one, other) => (summary(other).p99 < summary(one).p99 ? other : one));
  return { times: best, stall: await stall() };
}

/** @returns {Promise<number>} by how much this browser is late for a short wait: p95, in ms */
async function stall() {
  const late = [];
  while (late.length < WAITS) {
    const started = performance.now();
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    late.push(performance.now() - started - WAIT_MS);
  }
  return summary(late).p95;
}

async function oneSeries({ signal, progress }) {
  return withClient("echo", { signal }, async (client) => {
    const times = [];
    const started = performance.now();
    while (times.length < MESSAGES && performance.now() - started < SECONDS * 1000) {
      const sent = performance.now();
      client.send(`round trip ${times.length}`);
      times.push((await client.next()).at - sent);
      progress(times.length / MESSAGES);
    }
    return times;
  });
}

/** @param {{times: number[], stall?: number}} data in ms */
export function judge(data) {
  const figures = summary(data.times);
  const { median, p99 } = figures;
  return verdictResult("round-trip", roundTripFacts(data.times.length, median, p99, data.stall), {
    timed: true,
    figure: formatDuration(median),
    details: Object.entries(figures).map(([name, value]) => [name, formatDuration(value)]),
    chart: {
      label: "Round-trip time of each message",
      x: { label: "message", values: data.times.map((_, i) => i + 1) },
      y: { label: "ms", values: data.times },
    },
    data,
  });
}
