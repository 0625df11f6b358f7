import { summary } from "../common/statistics.js";

const FEWEST_FOR_P95 = 20; // with fewer, the 95th percentile would be the largest value

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
 * @property {number} missing events of other ways, up to the last one of this way
 * @property {number} repeated
 */

/**
 * @param {import("./run.js").Run} run
 * @returns {Figures[]} of each way, in order
 */
export function figuresOf(run) {
  const ids = unionOfIds([...run.tallies.values()]);
  return run.ways.map((way) => figures(way, run.tallies.get(way.id), run.clock, ids));
}

function figures({ id, title, polls }, tally, clock, ids) {
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
    ...gaps(tally.events.map((event) => event.id), ids),
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

// The cursors of a stream rise with time, and have the same length for the next 500 years.
function unionOfIds(tallies) {
  return [...new Set(tallies.flatMap(({ events }) => events.map(({ id }) => id)))].sort();
}

function gaps(own, all) {
  const different = new Set(own);
  const last = own.reduce((latest, id) => (id > latest ? id : latest), "");
  const due = all.filter((id) => id <= last).length;
  return { missing: due - different.size, repeated: own.length - different.size };
}

/** @returns {number} the share of empty polls, if events come at random and independently */
export function expectedEmptyShare(interval, mean) {
  return Math.exp(-interval / mean);
}
