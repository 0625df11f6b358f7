import { briefReason } from "../common/connection-failure.js";
import { firstReason, tracedReason } from "./failure-reason.js";

/**
 * Finds out why connections to one address do not open. The trace of each attempt is read. The
 * address itself is asked only once, because a page that reconnects by itself must not burden a
 * server in trouble.
 */
export class FailureInquiry {
  #target;
  #reason;
  #hasAsked = false;

  /** @param {object} target of the attempts, as `Options` has it */
  constructor(target) {
    this.#target = target;
    this.#reason = firstReason(target);
  }

  /** @returns {import("./failure-reason.js").Reason} the last one that was found */
  get reason() {
    return this.#reason;
  }

  /**
   * @param {import("../common/attempt.js").Attempt} attempt that has failed
   * @returns {Promise<import("./failure-reason.js").Reason | null>} null if nothing was found
   */
  async find(attempt) {
    const trace = await attempt.serverEnd();
    const found = tracedReason(trace, this.#target) ?? await this.#ask(trace);
    this.#reason = found ?? this.#reason;
    return found;
  }

  async #ask({ state }) {
    if (this.#hasAsked) return null;
    this.#hasAsked = true;
    const address = this.#target.address.replace(/^ws/, "http");
    const text = await briefReason(address, state === "unreadable");
    return text ? { text, isComplete: false } : null;
  }
}
