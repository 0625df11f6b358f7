import { TimedOut, withClient } from "../../common/client.js";
import { formatCount, formatDuration } from "../../common/format.js";
import { withoutBlame } from "../lateness.js";

const INTERVAL = 0.05; // seconds between two messages
const PER_SECOND = 1 / INTERVAL;
const MESSAGES = 60;
const SECONDS = 10; // to wait for a message: these fill a buffer of 4 KiB in half of that
const LATE = 150; // ms later than the fastest; a busy line or browser may cause about this
const CLUMP = 3; // messages at once: two may be chance
const MANY = MESSAGES / 2; // messages in clumps: a buffer affects all, a busy line only some
// Not nginx: its proxy_buffering does not touch what follows an upgrade.
const ADVICE = "Look for security software, or for a proxy that inspects or compresses the data.";

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

async function measure({ signal, progress, lateness }) {
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
    const late = delays(messages);
    const own = messages.map(({ arrived }, i) => lateness.between(arrived - late[i], arrived));
    return { messages, own };
  });
}

/**
 * @param {object} data
 * @param {{sent: number, arrived: number}[]} data.messages in ms, by the clocks of the server and
 *     the browser: only differences of one clock count
 * @param {number[]} [data.own] how much of each delay this page itself has caused, in ms
 */
export function judge(data) {
  const { messages, own = [] } = data;
  if (messages.length < MESSAGES) return { ...incomplete(messages.length), data, timed: true };
  const late = delays(messages);
  const clumps = clumpSizes(messages);
  const clumped = clumps.filter((size) => size >= CLUMP).reduce((sum, size) => sum + size, 0);
  const found = { latest: Math.max(...late), clump: Math.max(...clumps), clumped };
  const result = described(conclusion(found), found, late, data);
  const others = Math.max(...late.map((delay, i) => delay - (own[i] ?? 0)));
  return result.verdict === "bad" && others < LATE ? withoutBlame(result) : result;
}

function described(verdict, found, late, data) {
  return {
    ...verdict,
    details: [
      ["latest message", `${formatDuration(found.latest)} late`],
      ["largest clump", formatCount(found.clump, "message")],
    ],
    chart: {
      label: "Delay of each message, compared with the fastest",
      x: { label: "message", values: late.map((_, i) => i + 1) },
      y: { label: "ms", values: late },
    },
    data,
  };
}

/** @returns {number[]} how much later than the fastest each message arrived, in ms */
function delays(messages) {
  const ages = messages.map(({ sent, arrived }) => arrived - sent);
  const fastest = Math.min(...ages);
  return ages.map((age) => age - fastest);
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
    const note = latest < LATE ? "" : " Some came late, as on a busy line.";
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
    advice: ADVICE,
  };
}

function incomplete(count) {
  const arrived = count ? `Only ${count} of ${MESSAGES} messages` : "No message";
  return {
    verdict: "bad",
    figure: "held back",
    meaning: `${arrived} arrived, although the server sends ${PER_SECOND} per second: something on `
      + "the path holds messages back until a buffer is full.",
    advice: ADVICE,
  };
}
