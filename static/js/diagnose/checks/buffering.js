import { TimedOut, withClient } from "../../common/client.js";
import { formatCount, formatDuration } from "../../common/format.js";

const INTERVAL = 0.05; // seconds between two messages
const PER_SECOND = 1 / INTERVAL;
const MESSAGES = 60;
const SECONDS = 10; // to wait for a message: these fill a buffer of 4 KiB in half of that
const LATE = 150; // ms later than the fastest; a busy line or browser may cause about this
const CLUMP = 3; // messages at once: two may be chance
const MANY = MESSAGES / 2; // messages in clumps: a buffer affects all, a busy line only some

export const buffering = {
  id: "buffering",
  title: "Buffering",
  needs: ["faults"],
  about: `Asks the server for ${MESSAGES} messages at ${PER_SECOND} per second and checks that `
    + "they arrive evenly.",
  seconds: MESSAGES * INTERVAL,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  return withClient(`echo?push=${INTERVAL}`, { signal }, async (client) => {
    const messages = [];
    try {
      while (messages.length < MESSAGES) {
        const { data, at } = await client.next(SECONDS);
        messages.push({ sent: JSON.parse(data).time * 1000, arrived: at });
        progress(messages.length / MESSAGES);
      }
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
    }
    return { messages };
  });
}

/**
 * @param {{messages: {sent: number, arrived: number}[]}} data in ms, by the clocks of the server
 *     and the browser: only differences of one clock count
 */
export function judge(data) {
  const { messages } = data;
  if (messages.length < MESSAGES) return { ...incomplete(messages.length), data };
  const late = lateness(messages);
  const clumps = clumpSizes(messages);
  const clumped = clumps.filter((size) => size >= CLUMP).reduce((sum, size) => sum + size, 0);
  const found = { latest: Math.max(...late), clump: Math.max(...clumps), clumped };
  return {
    ...conclusion(found),
    details: [
      ["latest message", `${formatDuration(found.latest)} late`],
      ["largest clump", formatCount(found.clump, "message")],
    ],
    chart: {
      label: "Delay of each message, compared with the fastest",
      x: { label: "message", values: messages.map((_, i) => i + 1) },
      y: { label: "ms", values: late },
    },
    data,
  };
}

/** @returns {number[]} how much later than the fastest each message arrived, in ms */
function lateness(messages) {
  const delays = messages.map(({ sent, arrived }) => arrived - sent);
  const fastest = Math.min(...delays);
  return delays.map((delay) => delay - fastest);
}

/** @returns {number[]} sizes of the groups that arrived together but were sent apart */
function clumpSizes(messages) {
  const sizes = [1];
  for (let i = 1; i < messages.length; i += 1) {
    const apart = messages[i].sent - messages[i - 1].sent;
    const together = messages[i].arrived - messages[i - 1].arrived < apart / 4;
    if (together) sizes[sizes.length - 1] += 1;
    else sizes.push(1);
  }
  return sizes;
}

function conclusion({ latest, clump, clumped }) {
  const late = `up to ${formatDuration(latest)} late`;
  if (latest < LATE || clumped < MANY) {
    const note = latest < LATE ? "" : " Some were delayed for a moment, as on a busy line.";
    return {
      verdict: "good",
      figure: late,
      meaning: "Messages arrive one by one, as the server sends them: nothing on the path collects "
        + `them.${note}`,
    };
  }
  return {
    verdict: "bad",
    figure: `clumps of ${clump}`,
    meaning: `Messages arrive in clumps of up to ${clump}, ${late}: something on the path buffers `
      + "messages instead of forwarding each at once.",
    advice: "Turn buffering off in the proxy (nginx: proxy_buffering off). Look for security "
      + "software or a compressing proxy, too.",
  };
}

function incomplete(count) {
  const arrived = count ? `Only ${count} of ${MESSAGES} messages` : "No message";
  return {
    verdict: "bad",
    figure: "held back",
    meaning: `${arrived} arrived, although the server sends ${PER_SECOND} per second: something on `
      + "the path holds messages back until a buffer is full.",
    advice: "Turn buffering off in the proxy (nginx: proxy_buffering off).",
  };
}
