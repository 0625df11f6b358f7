import { bothEnds } from "./both-ends.js";
import { compareClocks, now } from "./clock.js";
import { isOffered } from "./features.js";
import { readClosedTrace, readTrace } from "./trace.js";
import { missingText } from "./trace-text.js";

const CLOCK_SECONDS = 5; // for all requests that compare the clocks

/**
 * One attempt to connect, as this browser saw it. It is asked for the server's end of the story
 * when the browser learns little: an upgrade that failed, or an end without a Close frame.
 */
export class Attempt {
  #began = now();
  #opened = null;
  #ended = null;

  /** @param {string} trace ID of its trace */
  constructor(trace) {
    this.trace = trace;
  }

  opened() {
    this.#opened = now();
  }

  closed() {
    this.#ended = now();
  }

  /**
   * @returns {Promise<import("./trace.js").Trace>} what the server knows of an upgrade that failed
   *     here
   */
  async serverEnd() {
    return isOffered("traces") ? readTrace(this.trace) : { state: "off" };
  }

  /** @returns {Promise<string>} both ends of a connection that was cut */
  async bothEnds() {
    const [trace, offset] = await Promise.all([readClosedTrace(this.trace), clockOffset()]);
    if (trace.state !== "found") return `The server’s end is unknown. ${missingText(trace)}`;
    const attempt = trace.attempts.at(-1);
    const seconds = (this.#ended - this.#opened) / 1000;
    const offsetMs = offset ?? this.#offsetFrom(attempt);
    return bothEnds({ attempt, seconds, endedAt: this.#ended, offsetMs }).text;
  }

  // The request arrived at the server between the beginning and the opening.
  #offsetFrom({ at }) {
    return at * 1000 - (this.#began + this.#opened) / 2;
  }
}

/** @returns {Promise<number | null>} null if the server does not tell its time */
async function clockOffset() {
  if (!isOffered("events")) return null; // /events/clock is turned off
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), CLOCK_SECONDS * 1000);
  try {
    return (await compareClocks(controller.signal)).offsetMs;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
