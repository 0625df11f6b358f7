import { pause } from "../../common/pause.js";
import { Patience } from "../patience.js";

const COST_HEADER = "Echo-Cost";
const LONGEST_WAIT_SECONDS = 25; // many proxies cut a response after 30 s of silence

/**
 * Ask again and again, until the run is over.
 *
 * @param {import("../run.js").Task} task
 */
export const poll = (task) => repeat(task, {});

/** The same, and say each time which answer is there already: then an empty one has no body. */
export const pollConditionally = (task) => repeat(task, { conditional: true });

/** The same, with an interval of zero: the server answers when it has an event. */
export const pollLong = (task) =>
  repeat({ ...task, intervalMs: 0 }, { parameters: { wait: LONGEST_WAIT_SECONDS } });

async function repeat({ address, cursor, tally, signal, intervalMs }, { conditional, parameters }) {
  const headers = {};
  const patience = new Patience();
  let since = cursor;
  // The first poll comes one interval after the beginning, or its answer would always be empty.
  let due = performance.now() + intervalMs;
  await pause(intervalMs, signal);
  while (!signal.aborted) {
    due = Math.max(due + intervalMs, performance.now());
    try {
      const answer = await ask(address({ ...parameters, since }), headers, tally, signal);
      if (answer) since = answer.next;
      if (answer && conditional) headers["If-None-Match"] = answer.tag;
      patience.restore();
    } catch {
      if (signal.aborted) return;
      tally.failures += 1;
      due = Math.max(due, performance.now() + patience.spend());
    }
    await pause(due - performance.now(), signal);
  }
}

// Returns null if nothing is new.
async function ask(url, headers, tally, signal) {
  tally.ask();
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (response.status === 304) {
    tally.answer([], JSON.parse(response.headers.get(COST_HEADER)));
    return null;
  }
  if (!response.ok) throw new Error(`status ${response.status}`);
  const body = new Uint8Array(await response.arrayBuffer());
  const { events, next, cost } = JSON.parse(new TextDecoder().decode(body));
  if (!hasSize(response, body)) tally.wrongSizes += 1;
  tally.answer(events, cost);
  return { next, tag: response.headers.get("ETag") };
}

function hasSize({ headers }, { length }) {
  const stated = headers.get("Content-Length");
  // A proxy that compresses changes the size, and says so.
  return stated === null || headers.has("Content-Encoding") || Number(stated) === length;
}
