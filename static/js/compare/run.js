import { readJson } from "../common/answer.js";
import { compareClocks, now } from "../common/clock.js";
import { Tally } from "./tally.js";
import { WAYS } from "./ways/all.js";

/**
 * @typedef {object} Settings
 * @property {number} mean interval of the events in seconds
 * @property {number} interval between two polls in seconds
 * @property {number} seconds after which the run ends
 * @property {string[]} ways ids
 *
 * @typedef {object} Task
 * @property {function(object): string} address takes more parameters of the query
 * @property {string} cursor where to begin
 * @property {Tally} tally
 * @property {AbortSignal} signal aborted when the run is over
 * @property {number} intervalMs between two polls
 */

/** One comparison: all ways follow the same events, from the same moment. */
export class Run {
  #controller = new AbortController();
  #stream = `compare-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  /** When the run began and ended, in milliseconds (Unix). */
  began = null;
  ended = null;
  /** Offset and error of the clock; see `compareClocks`. */
  clock = null;
  /** Whether the tab was hidden for a while: browsers then slow timers down. */
  wasHidden = document.hidden;

  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    this.ways = WAYS.filter(({ id }) => settings.ways.includes(id));
    this.tallies = new Map(this.ways.map(({ id }) => [id, new Tally()]));
  }

  /** @returns {number} milliseconds since the beginning */
  get elapsedMs() {
    return this.began === null ? 0 : (this.ended ?? now()) - this.began;
  }

  /**
   * Follow the events until `stop` is called, or time is up. A run that is stopped while it still
   * prepares never begins.
   *
   * @throws {Error} if the server does not answer at the beginning
   */
  async follow() {
    const hidden = () => { this.wasHidden ||= document.hidden; };
    document.addEventListener("visibilitychange", hidden);
    try {
      this.clock = await compareClocks(this.#controller.signal);
      const cursor = await this.#firstCursor();
      this.began = now();
      const timer = setTimeout(() => this.stop(), this.settings.seconds * 1000);
      await Promise.all(this.ways.map((way) => way.follow(this.#task(way, cursor))));
      clearTimeout(timer);
    } catch (error) {
      if (!this.#controller.signal.aborted) throw error;
    } finally {
      this.ended ??= now();
      document.removeEventListener("visibilitychange", hidden);
    }
  }

  stop() {
    this.ended ??= now();
    this.#controller.abort();
  }

  async #firstCursor() {
    const { signal } = this.#controller;
    const response = await fetch(this.#address({}), { cache: "no-store", signal });
    return (await readJson(response)).next;
  }

  #task({ id }, cursor) {
    return {
      address: (parameters) => this.#address(parameters),
      cursor,
      tally: this.tallies.get(id),
      signal: this.#controller.signal,
      intervalMs: this.settings.interval * 1000,
    };
  }

  #address(parameters) {
    const { mean } = this.settings;
    return `events?${new URLSearchParams({ stream: this.#stream, mean, ...parameters })}`;
  }
}
