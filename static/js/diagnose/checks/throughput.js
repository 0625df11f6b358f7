import { randomBytes } from "../../common/binary.js";
import { withClient } from "../../common/client.js";
import { plainEcho } from "../../common/features.js";
import { formatBytes, formatCount, formatDuration, formatRate } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";

const SECONDS = 3;
const MESSAGE_BYTES = 65536;
const WINDOW = 16; // messages in flight: 1 MiB, enough for 80 Mbit/s at 100 ms
const BIN_MS = 100; // width of a point in the chart
const SLOW = 1e6; // bytes per second: 8 Mbit/s, an average mobile connection
const VERY_SLOW = 1e5;

export const throughput = {
  id: "throughput",
  title: "Throughput",
  needs: ["inspect"],
  about: `Echoes messages of ${formatBytes(MESSAGE_BYTES)} for ${SECONDS} seconds, several at a `
    + "time.",
  seconds: SECONDS,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const { report } = await inspect({ signal });
  const size = Math.min(MESSAGE_BYTES, report.limits.max_message_bytes);
  const arrivals = await withClient(plainEcho(), { signal }, (client) =>
    flood(client, randomBytes(size), progress));
  return { size, arrivals };
}

/** @returns {Promise<number[]>} when each reply arrived, in ms since the first message */
async function flood(client, message, progress) {
  const arrivals = [];
  const started = performance.now();
  client.send(message);
  let inFlight = 1;
  while (inFlight > 0) {
    const { at } = await client.next();
    const elapsed = at - started;
    arrivals.push(elapsed);
    progress(Math.min(1, elapsed / (SECONDS * 1000)));
    inFlight -= 1;
    // Two messages for each reply: the window opens slowly, so a slow line is not flooded.
    for (let i = 0; i < 2 && inFlight < WINDOW && elapsed < SECONDS * 1000; i += 1) {
      client.send(message);
      inFlight += 1;
    }
  }
  return arrivals;
}

/** @param {{size: number, arrivals: number[]}} measured when each reply arrived, in ms */
export function judge({ size, arrivals }) {
  const seconds = arrivals.at(-1) / 1000;
  const speed = (arrivals.length * size) / seconds;
  const time = formatDuration(seconds * 1000);
  const rates = ratesByTime(arrivals, size);
  return {
    ...conclusion(speed),
    timed: true,
    figure: formatRate(speed),
    meaning: `${formatCount(arrivals.length, "message")} of ${formatBytes(size)} came back in `
      + `${time}: ${formatRate(speed)} in each direction at the same time.${remark(speed)}`,
    details: [["messages", arrivals.length.toLocaleString("en")], ["time", time]],
    chart: {
      label: "Throughput over time",
      x: { label: "s", values: rates.map((_, i) => ((i + 1) * BIN_MS) / 1000) },
      y: { label: "MB/s", values: rates },
    },
    data: { size, messages: arrivals.length, seconds, bytesPerSecond: speed },
  };
}

function conclusion(speed) {
  if (speed >= SLOW) return { verdict: "good" };
  return {
    verdict: speed < VERY_SLOW ? "bad" : "notable",
    advice: "Try another network, to tell a slow line from a slow proxy. These messages do not "
      + "compress; others may be faster.",
  };
}

function remark(speed) {
  if (speed >= SLOW) return "";
  const slow = speed < VERY_SLOW ? "too slow for more than short messages" : "slow";
  return ` That is ${slow}: the line is slow, or something on the path, such as a proxy or `
    + "security software, throttles or inspects the data.";
}

/** @returns {number[]} MB/s in each bin; the last bin is dropped because it is incomplete */
function ratesByTime(arrivals, size) {
  const rates = Array(Math.ceil((arrivals.at(-1) + 1) / BIN_MS)).fill(0);
  for (const at of arrivals) rates[Math.floor(at / BIN_MS)] += size / 1e6 / (BIN_MS / 1000);
  return rates.slice(0, Math.max(1, rates.length - 1));
}
