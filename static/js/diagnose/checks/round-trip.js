import { withClient } from "../../common/client.js";
import { formatCount, formatDuration } from "../../common/format.js";
import { summary } from "../../common/statistics.js";

const MESSAGES = 200;
const SECONDS = 6; // on a slow path the check stops here, with fewer messages
const SLOW = 200; // ms; more than for most distances on earth
const VERY_SLOW = 1000;
const STALL = 100; // ms; nobody notices less
const STALL_FACTOR = 10; // times the median

export const roundTrip = {
  id: "round-trip",
  title: "Round trip",
  about: `Sends ${MESSAGES} short messages, one at a time.`,
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  return withClient("echo", { signal }, async (client) => {
    const times = [];
    const started = performance.now();
    while (times.length < MESSAGES && performance.now() - started < SECONDS * 1000) {
      const sent = performance.now();
      client.send(`round trip ${times.length}`);
      times.push((await client.next()).at - sent);
      progress(times.length / MESSAGES);
    }
    return { times };
  });
}

/** @param {{times: number[]}} data in ms */
export function judge(data) {
  const figures = summary(data.times);
  const { median, p99 } = figures;
  return {
    ...conclusion(figures),
    figure: formatDuration(median),
    meaning: `${formatCount(data.times.length, "message")} came back. The median round-trip time `
      + `is ${formatDuration(median)}, the 99th percentile ${formatDuration(p99)}.`
      + remark(figures),
    details: Object.entries(figures).map(([name, value]) => [name, formatDuration(value)]),
    chart: {
      label: "Round-trip time of each message",
      x: { label: "message", values: data.times.map((_, i) => i + 1) },
      y: { label: "ms", values: data.times },
    },
    data,
  };
}

function conclusion({ median, p99 }) {
  if (median > SLOW) {
    return {
      verdict: median > VERY_SLOW ? "bad" : "notable",
      advice: "Send fewer, larger messages, and do not wait for each reply. If the server is near, "
        + "something on the path adds delay.",
    };
  }
  if (stalls(median, p99)) {
    return {
      verdict: "notable",
      advice: "Run this check again. If it still happens, suspect weak Wi-Fi, a saturated line, or "
        + "a busy server.",
    };
  }
  return { verdict: "good" };
}

function remark({ median, p99 }) {
  if (median > VERY_SLOW) return " That is too slow for a conversation.";
  if (median > SLOW) return " That is slow, even for a long distance.";
  return stalls(median, p99) ? " Most messages are fast, but some are delayed." : "";
}

function stalls(median, p99) {
  return p99 > STALL && p99 > STALL_FACTOR * median;
}
