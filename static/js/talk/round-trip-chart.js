import { Chart, axis, colour } from "../common/chart.js";
import { formatDuration } from "../common/format.js";
import { summary } from "../common/statistics.js";
import { MAX_ENTRIES } from "./entry.js";

const HEIGHT = 160; // CSS pixels

const NO_REPLY = "No reply yet.";
const WHAT_IS_A_REPLY = "A reply is a message that returns the sent text.";

/** The round-trip times as a chart and a summary in numbers. Draws at most once per frame. */
export class RoundTripChart {
  #section;
  #times = [];
  #note = ""; // about the reply to the messages that were sent, while there are no times
  #count = 0;
  #chart = null;
  #drawing;
  #redraw = () => this.#draw();

  /**
   * @param {HTMLElement} section of the page
   * @param {import("../common/drawing.js").Drawing} drawing
   */
  constructor(section, drawing) {
    this.#section = section;
    this.#drawing = drawing;
  }

  /** @param {number} time in milliseconds */
  add(time) {
    this.#count += 1;
    if (this.#times.push(time) > MAX_ENTRIES) this.#times.shift();
    this.#schedule();
  }

  /**
   * A message has been sent.
   *
   * @param {boolean} isSure whether the server replies to each message
   */
  expect(isSure) {
    this.#note = isSure ? NO_REPLY : `${NO_REPLY} ${WHAT_IS_A_REPLY}`;
    if (!this.#times.length) this.#schedule();
  }

  clear() {
    this.#times = [];
    this.#count = 0;
    this.#note = "";
    this.#schedule();
  }

  #schedule() {
    this.#drawing.inFrame(this.#redraw);
  }

  #draw() {
    const empty = this.#times.length === 0;
    this.#part("no-times").hidden = !empty;
    this.#part("nothing-sent").hidden = this.#note !== "";
    this.#part("no-reply").textContent = this.#note;
    this.#part("times").hidden = empty;
    if (empty) return;
    this.#showSummary();
    this.#showLine();
  }

  #showSummary() {
    const figures = summary(this.#times);
    for (const name of ["min", "median", "p95", "p99"]) {
      this.#part(name).textContent = formatDuration(figures[name]);
    }
    this.#part("replies").textContent = this.#times.length.toLocaleString("en");
  }

  #showLine() {
    const first = this.#count - this.#times.length + 1;
    const data = [this.#times.map((_, index) => first + index), this.#times];
    this.#chart ??= new Chart(this.#part("chart"), options(), data);
    this.#chart.show(data);
  }

  #part(id) {
    return this.#section.querySelector(`#${id}`);
  }
}

function options() {
  return {
    height: HEIGHT,
    scales: {
      x: { time: false, range: (_, min, max) => [min, Math.max(max, min + 9)] },
      y: { range: (_, min, max) => [0, 1.1 * max || 1] },
    },
    axes: [
      axis({ incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], size: 28 }),
      axis({ size: 64, values: (_, ticks) => ticks.map((tick) => `${tick} ms`) }),
    ],
    series: [{}, { stroke: colour("--pico-primary"), width: 1.5, points: { size: 5 } }],
  };
}
