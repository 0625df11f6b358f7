import { now } from "../common/clock.js";
import { summary } from "../common/statistics.js";

const FEWEST_FOR_P95 = 20; // with fewer, the 95th percentile would be the largest value

// A way may be late by one interval of polls, and by a pause after a failure: ours have up to 5 s,
// and browsers reopen an EventSource after 3 to 5 s.
const GRACE_MS = 10_000;

/**
 * The figures of one way.
 *
 * @typedef {object} Figures
 * @property {string} id
 * @property {string} title
 * @property {boolean} polls
 * @property {number} requests or connections
 * @property {number} events
 * @property {number | null} empty answers; null if the way has a connection instead of answers
 * @property {number | null} emptyShare of the answers, 0 to 1
 * @property {number | null} interval measured between two requests in seconds
 * @property {number | null} sentBytes from the server to the browser; null if not counted
 * @property {number | null} receivedBytes from the browser to the server
 * @property {number | null} bytesPerEvent both directions
 * @property {number | null} cpuSeconds of the server's threads
 * @property {number | null} cpuPerEvent in seconds
 * @property {number | null} delayMedian from the event to its arrival, in milliseconds
 * @property {number | null} delayP95 null if there are fewer than 20 events
 * @property {number} failures
 * @property {number} wrongSizes
 * @property {number} missing events that other ways have, and that this way should have by now
 * @property {number} repeated
 */

/**
 * @param {import("./run.js").Run} run
 * @returns {Figures[]} of each way, in order
 */
export function figuresOf(run) {
  const all = union([...run.tallies.values()]);
  const due = timeOfDueEvents(run);
  return run.ways.map((way) => figures(way, run.tallies.get(way.id), run.clock, { all, due }));
}

// Events from before this time should have arrived, in milliseconds on the server's clock.
function timeOfDueEvents({ ended, clock, settings }) {
  return (ended ?? now()) + (clock?.offsetMs ?? 0) - settings.interval * 1000 - GRACE_MS;
}

function figures({ id, title, polls }, tally, clock, { all, due }) {
  const { received_bytes: received, sent_bytes: sent, cpu_seconds: cpu } = tally.cost;
  const counted = (value) => (tally.isCounted ? value : null);
  const perEvent = (value) =>
    (tally.isCounted && tally.countedEvents ? value / tally.countedEvents : null);
  return {
    id,
    title,
    polls,
    requests: tally.requests,
    events: tally.events.length,
    empty: tally.answers ? tally.empty : null,
    emptyShare: tally.answers ? tally.empty / tally.answers : null,
    interval: polls ? tally.interval : null,
    sentBytes: counted(sent),
    receivedBytes: counted(received),
    bytesPerEvent: perEvent(sent + received),
    cpuSeconds: counted(cpu),
    cpuPerEvent: perEvent(cpu),
    ...delayFigures(delays(tally, clock)),
    failures: tally.failures,
    wrongSizes: tally.wrongSizes,
    ...gaps(tally.events.map((event) => event.id), all, due),
  };
}

/**
 * @param {import("./tally.js").Tally} tally
 * @param {{offsetMs: number}} clock
 * @returns {number[]} milliseconds from each event to its arrival, on the server's clock
 */
export function delays({ events }, clock) {
  return events.map(({ at, arrived }) => arrived + (clock?.offsetMs ?? 0) - at);
}

function delayFigures(values) {
  if (!values.length) return { delayMedian: null, delayP95: null };
  const { median, p95 } = summary(values);
  return { delayMedian: median, delayP95: values.length < FEWEST_FOR_P95 ? null : p95 };
}

// The time of each event that any way has, by its id.
function union(tallies) {
  return new Map(tallies.flatMap(({ events }) => events.map(({ id, at }) => [id, at])));
}

// The cursors of a stream rise with time, and have the same length for the next 500 years.
function gaps(own, all, due) {
  const different = new Set(own);
  const last = own.reduce((latest, id) => (id > latest ? id : latest), "");
  const missing = [...all].filter(([id, at]) => !different.has(id) && (id <= last || at < due));
  return { missing: missing.length, repeated: own.length - different.size };
}

/** @returns {number} the share of empty polls, if events come at random and independently */
export function expectedEmptyShare(interval, mean) {
  return Math.exp(-interval / mean);
}
