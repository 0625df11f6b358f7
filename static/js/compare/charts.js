import { Chart, axis, colour } from "../common/chart.js";
import { delays, expectedEmptyShare } from "./figures.js";
import { WAYS } from "./ways/all.js";

const HEIGHT = 200; // CSS pixels
const MOST_SAMPLES = 1_200; // two a second, for ten minutes
const MOST_DELAYS = 1_000; // of each way; older ones leave the chart, and stay in the figures
const CURVE_STEPS = 60;
const SHORTEST_CURVE = 2; // in mean intervals

const COLOURS = WAYS.map(({ id }) => colour(`--way-${id}`));

/** The charts of one run: bytes, delays, and the empty share on the curve of the theory. */
export class Charts {
  #charts;
  #bytes = { seconds: [], values: WAYS.map(() => []) };

  /** @param {{bytes: HTMLElement, delays: HTMLElement, share: HTMLElement}} places empty blocks */
  constructor(places) {
    const lines = WAYS.map((_, at) => ({ stroke: COLOURS[at], width: 2, points: { show: false } }));
    const dots = WAYS.map((_, at) => ({ stroke: COLOURS[at], paths: () => null, points: dot(at) }));
    this.#charts = {
      bytes: new Chart(places.bytes, options("seconds", "bytes", lines), this.#bytesData()),
      delays: new Chart(places.delays, options("seconds", "ms", dots), [[], ...WAYS.map(() => [])]),
      share: new Chart(places.share, shareOptions(), [[], [], [], []]),
    };
  }

  clear() {
    this.#bytes = { seconds: [], values: WAYS.map(() => []) };
  }

  /**
   * @param {import("./run.js").Run} run
   * @param {import("./figures.js").Figures[]} figures
   */
  show(run, figures) {
    this.#addBytes(run.elapsedMs / 1000, figures);
    this.#charts.bytes.show(this.#bytesData());
    this.#charts.delays.show(delayData(run));
    this.#charts.share.show(shareData(figures, run.settings.mean));
  }

  #addBytes(seconds, figures) {
    if (this.#bytes.seconds.length >= MOST_SAMPLES) return;
    this.#bytes.seconds.push(seconds);
    for (const [at, { id }] of WAYS.entries()) {
      const way = figures.find((one) => one.id === id);
      const counted = way && way.sentBytes !== null;
      this.#bytes.values[at].push(counted ? way.sentBytes + way.receivedBytes : null);
    }
  }

  #bytesData() {
    return [this.#bytes.seconds, ...this.#bytes.values];
  }
}

// The polls of both kinds come at the same times, so one is drawn as a ring around the other.
function dot(at, size = 5) {
  return WAYS[at].id === "conditional"
    ? { show: true, size: size + 4, width: 1.5, fill: "transparent", stroke: COLOURS[at] }
    : { show: true, size, fill: COLOURS[at], stroke: COLOURS[at] };
}

function options(x, y, series) {
  return {
    height: HEIGHT,
    scales: { x: { time: false }, y: { range: (_, low, high) => [0, 1.1 * high || 1] } },
    axes: [
      axis({ label: x, size: 28, labelSize: 18 }),
      axis({ label: y, size: 68, labelSize: 18 }),
    ],
    series: [{}, ...series],
  };
}

// One column of times for all ways, as uPlot wants it.
function delayData(run) {
  const points = run.ways.flatMap(({ id }) => {
    const tally = run.tallies.get(id);
    const late = delays(tally, run.clock);
    const at = WAYS.findIndex((way) => way.id === id);
    return tally.events.slice(-MOST_DELAYS).map(({ arrived }, index) => ({
      at,
      seconds: (arrived - run.began) / 1000,
      delay: Math.max(0, late[late.length - Math.min(late.length, MOST_DELAYS) + index]),
    }));
  });
  points.sort((one, other) => one.seconds - other.seconds);
  return [
    points.map(({ seconds }) => seconds),
    ...WAYS.map((_, at) => points.map((point) => (point.at === at ? point.delay : null))),
  ];
}

const POLLING = WAYS.flatMap(({ polls }, at) => (polls ? [at] : []));

function shareOptions() {
  const curve = { stroke: colour("--pico-muted-color"), width: 2, points: { show: false } };
  const dots = POLLING.map((at) => (
    { stroke: COLOURS[at], paths: () => null, points: dot(at, 9) }));
  return {
    height: HEIGHT,
    scales: { x: { time: false }, y: { range: [0, 100] } },
    axes: [
      axis({ label: "polling interval / mean interval", size: 28, labelSize: 18 }),
      axis({ label: "empty answers in %", size: 48, labelSize: 18 }),
    ],
    series: [{}, curve, ...dots],
  };
}

function shareData(figures, mean) {
  const measured = POLLING.map((at) => figures.find(({ id }) => id === WAYS[at].id))
    .map((way) => (way?.interval ? { x: way.interval / mean, share: way.emptyShare } : null));
  const end = Math.max(SHORTEST_CURVE, ...measured.map((point) => 1.2 * (point?.x ?? 0)));
  const curve = Array.from({ length: CURVE_STEPS + 1 }, (_, step) => (step * end) / CURVE_STEPS);
  const xs = [...curve, ...measured.flatMap((point) => (point ? [point.x] : []))];
  xs.sort((one, other) => one - other);
  return [
    xs,
    xs.map((x) => 100 * expectedEmptyShare(x, 1)),
    ...measured.map((point) => xs.map((x) => (point?.x === x ? 100 * point.share : null))),
  ];
}
