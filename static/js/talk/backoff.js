const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/**
 * Waits before each new attempt to connect: twice as long as before the last one, up to half a
 * minute, and up to a half less by chance, so that clients which were cut together do not come
 * back together. A connection that lasted longer than the wait before it starts anew.
 */
export class BackOff {
  #delay = FIRST_MS;
  #openedAt = Infinity;
  #timer = null;

  /** @returns {boolean} whether an attempt is to follow */
  get waiting() {
    return this.#timer !== null;
  }

  opened() {
    this.#openedAt = performance.now();
  }

  /**
   * @param {function(): void} attempt is called after the wait, unless it is called off
   * @returns {number} the wait in milliseconds
   */
  schedule(attempt) {
    if (performance.now() - this.#openedAt > this.#delay) this.#delay = FIRST_MS;
    this.#openedAt = Infinity;
    const wait = this.#delay * (1 - Math.random() / 2);
    this.#delay = Math.min(2 * this.#delay, LONGEST_MS);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      attempt();
    }, wait);
    return wait;
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}
