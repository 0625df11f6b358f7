import { Chart, axis, colour } from "../common/chart.js";
import { summary } from "../common/statistics.js";
import { duration } from "../common/format.js";
import { LIMIT } from "./log.js";

const HEIGHT = 160;

/** Round-trip times as a line, and what sums them up as text. Draws once per frame. */
export class Graph {
  #part;
  #times = [];
  #count = 0;
  #chart = null;
  #frame = null;

  /** @param {HTMLElement} part of the page */
  constructor(part) {
    this.#part = part;
  }

  /** @param {number} time in milliseconds */
  add(time) {
    this.#count += 1;
    if (this.#times.push(time) > LIMIT) this.#times.shift();
    this.#schedule();
  }

  clear() {
    this.#times = [];
    this.#count = 0;
    this.#schedule();
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = null;
    const empty = this.#times.length === 0;
    this.#part.querySelector("#no-times").hidden = !empty;
    this.#part.querySelector("#times").hidden = empty;
    if (empty) return;
    this.#showFigures();
    this.#showLine();
  }

  #showFigures() {
    const figures = summary(this.#times);
    for (const name of ["min", "median", "p95", "p99"]) {
      this.#part.querySelector(`#${name}`).textContent = duration(figures[name]);
    }
    this.#part.querySelector("#answers").textContent = this.#times.length.toLocaleString("en");
  }

  #showLine() {
    const first = this.#count - this.#times.length + 1;
    const data = [this.#times.map((_, index) => first + index), this.#times];
    this.#chart ??= new Chart(this.#part.querySelector("#chart"), options(), data);
    this.#chart.show(data);
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
