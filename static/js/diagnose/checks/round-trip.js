import { withClient } from "../../common/client.js";
import { summary } from "../../common/statistics.js";
import { formatCount, formatDuration } from "../../common/format.js";

const MESSAGES = 200;
const SECONDS = 6; // then what there is must do
const SLOW = 200; // ms; more than most distances on earth
const VERY_SLOW = 1000;
const STALL = 100; // ms; below this nobody notices

export const roundTrip = {
  id: "round-trip",
  title: "Round trip",
  about: `Sends ${MESSAGES} short messages, each when the last one is back.`,
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
    meaning: `${formatCount(data.times.length, "message")} went there and back. The median time is `
      + `${formatDuration(median)}, the 99th percentile ${formatDuration(p99)}.${remark(figures)}`,
    details: Object.entries(figures).map(([name, value]) => [name, formatDuration(value)]),
    chart: {
      label: "Time of each message there and back",
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
      advice: "Send fewer, larger messages and do not wait for each answer; a server or a proxy "
        + "that is nearer helps. If it is near, something in between delays.",
    };
  }
  if (stalls(median, p99)) {
    return {
      verdict: "notable",
      advice: "Run it again. If it stays, suspect a weak Wi-Fi, a full line, or a busy server.",
    };
  }
  return { verdict: "good" };
}

function remark({ median, p99 }) {
  if (median > VERY_SLOW) return " That is too slow for a conversation.";
  if (median > SLOW) return " That is slow, even for a long distance.";
  return stalls(median, p99) ? " Most are quick, but some are held up." : "";
}

function stalls(median, p99) {
  return p99 > STALL && p99 > 10 * median;
}
