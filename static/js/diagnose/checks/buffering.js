import { TimedOut, withClient } from "../../common/client.js";
import { formatCount, formatDuration } from "../../common/format.js";

const INTERVAL = 0.05; // seconds between two ticks of the server
const TICKS = 60;
const SECONDS = 10; // to wait for a tick: a buffer of 4 KiB fills in half of that
const HELD = 150; // ms beyond the quickest; a busy line or page may cost about this
const CLUMP = 3; // ticks at once: two may be an accident
const MANY = TICKS / 2; // of them in clumps: a buffer collects all, a busy line some

export const buffering = {
  id: "buffering",
  title: "Buffering on the way",
  about: `Lets the server send ${TICKS} ticks, 20 in a second, and looks whether they arrive as `
    + "evenly as they were sent.",
  seconds: TICKS * INTERVAL,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  return withClient(`echo?push=${INTERVAL}`, { signal }, async (client) => {
    const ticks = [];
    try {
      while (ticks.length < TICKS) {
        const { data, at } = await client.next(SECONDS);
        ticks.push({ sent: JSON.parse(data).time * 1000, arrived: at });
        progress(ticks.length / TICKS);
      }
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
    }
    return { ticks };
  });
}

/**
 * @param {{ticks: {sent: number, arrived: number}[]}} data in ms, each by its own clock: only
 *     differences count
 */
export function judge(data) {
  const { ticks } = data;
  if (ticks.length < TICKS) return missing(data);
  const delays = ticks.map(({ sent, arrived }) => arrived - sent);
  const quickest = Math.min(...delays);
  const held = delays.map((delay) => delay - quickest);
  const clumps = clumpsOf(ticks);
  const clumped = clumps.filter((size) => size >= CLUMP).reduce((sum, size) => sum + size, 0);
  const found = { longest: Math.max(...held), clump: Math.max(...clumps), clumped };
  return {
    ...conclusion(found),
    details: [
      ["held back at most", formatDuration(found.longest)],
      ["largest clump", formatCount(found.clump, "tick")],
    ],
    chart: {
      label: "How long each tick was held back, beyond the quickest",
      x: { label: "tick", values: ticks.map((_, i) => i + 1) },
      y: { label: "ms", values: held },
    },
    data,
  };
}

/** How many ticks arrived together, each time, though they were sent apart; 1 for one alone. */
function clumpsOf(ticks) {
  const clumps = [1];
  for (let i = 1; i < ticks.length; i += 1) {
    const apart = ticks[i].sent - ticks[i - 1].sent;
    const together = ticks[i].arrived - ticks[i - 1].arrived < apart / 4;
    if (together) clumps[clumps.length - 1] += 1;
    else clumps.push(1);
  }
  return clumps;
}

function conclusion({ longest, clump, clumped }) {
  if (longest < HELD || clumped < MANY) {
    const moment = longest < HELD ? "" : " For a moment some were held up, as a busy line does.";
    return {
      verdict: "good",
      figure: `${formatDuration(longest)} at most`,
      meaning: "Ticks arrive one by one, as the server sends them: nothing in between collects "
        + `them.${moment}`,
    };
  }
  return {
    verdict: "bad",
    figure: `clumps of ${clump}`,
    meaning: `Ticks arrive in clumps of up to ${clump}, held back for up to ${formatDuration(longest)}: `
      + "something in between buffers messages rather than pass each on at once.",
    advice: "Turn buffering off in the proxy (nginx: proxy_buffering off), and look for security "
      + "software or a compressing proxy that collects what passes.",
  };
}

function missing(data) {
  const came = data.ticks.length ? `Only ${data.ticks.length} of ${TICKS} ticks` : "No tick";
  return {
    verdict: "bad",
    figure: "held back",
    meaning: `${came} came, though the server sends 20 in a second: something in between holds `
      + "messages back until a buffer is full.",
    advice: "Turn buffering off in the proxy (nginx: proxy_buffering off).",
    data,
  };
}
