const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/**
 * The delay before each attempt to reconnect: doubles each time, up to 30 seconds.
 *
 * A random part of up to a half is taken off, so that clients cut at the same moment do not all
 * return at the same moment. A connection that outlasts the current delay resets it.
 */
export class BackOff {
  #delay = FIRST_MS;
  #openedAt = Infinity;
  #timer = null;

  /** @returns {boolean} whether an attempt is scheduled */
  get waiting() {
    return this.#timer !== null;
  }

  /** The connection has opened. */
  opened() {
    this.#openedAt = performance.now();
  }

  /**
   * @param {function(): void} attempt called after the delay, unless cancelled
   * @returns {number} the delay in milliseconds
   */
  schedule(attempt) {
    if (performance.now() - this.#openedAt > this.#delay) this.#delay = FIRST_MS;
    this.#openedAt = Infinity;
    const delay = this.#delay * (1 - Math.random() / 2);
    this.#delay = Math.min(2 * this.#delay, LONGEST_MS);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      attempt();
    }, delay);
    return delay;
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}
