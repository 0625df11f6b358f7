const BEAT_MS = 10;

/**
 * Watches how late this page is for its own timers. It is as late for messages, and a path must not
 * be accused of that.
 */
export class Lateness {
  #started = performance.now();
  #late = []; // [from, to]: a timer was due, and had not run yet
  #due = 0;
  #timer = 0;

  constructor() {
    this.#beat();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** @returns {number} how long this page was late between two times, all in ms */
  between(from, to) {
    const overlaps = [...this.#late, [this.#due, performance.now()]]
      .map(([start, end]) => Math.min(end, to) - Math.max(start, from));
    return overlaps.reduce((sum, overlap) => sum + Math.max(0, overlap), 0);
  }

  /** Whether this page was late for most of the time since the start. */
  get isMost() {
    const now = performance.now();
    return this.between(this.#started, now) > (now - this.#started) / 2;
  }

  #beat() {
    this.#due = performance.now() + BEAT_MS;
    this.#timer = setTimeout(() => {
      this.#late.push([this.#due, performance.now()]);
      this.#beat();
    }, BEAT_MS);
  }
}

/**
 * @param {import("./check.js").Result} result of a check that this page itself may have slowed down
 * @returns {import("./check.js").Result} the same without a verdict
 */
export function withoutBlame(result) {
  return {
    ...result,
    verdict: "unknown",
    id: "browser-busy",
    place: "",
    meaning: "This browser was busy, or this page was in the background: its own timers were late, "
      + "too. So nobody can say whether the path is slow.",
    advice: "Run this check again when the browser has less to do.",
    cures: {},
  };
}
