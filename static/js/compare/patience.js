const FIRST_MS = 250;
const LONGEST_MS = 5_000;

/** How long to wait before the next attempt: longer after each failure in a row. */
export class Patience {
  #next = FIRST_MS;

  /** Something worked: the next failure is a first one. */
  restore() {
    this.#next = FIRST_MS;
  }

  /** @returns {number} milliseconds to wait after a failure */
  spend() {
    const wait = this.#next;
    this.#next = Math.min(LONGEST_MS, 2 * this.#next);
    return wait;
  }
}
