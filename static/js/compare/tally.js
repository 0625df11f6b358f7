import { now } from "../common/clock.js";

const NOTHING = { received_bytes: 0, sent_bytes: 0, cpu_seconds: 0 };

/** What one way to follow the events has done so far. */
export class Tally {
  /** Requests, or connections: the ones that were answered. */
  requests = 0;
  /** Answers to polls and long polls, and those without an event. */
  answers = 0;
  empty = 0;
  /** @type {{id: string, at: number, arrived: number}[]} times in milliseconds (Unix) */
  events = [];
  /** Requests without a good answer, and connections that were lost. */
  failures = 0;
  /** Answers whose body had another size than the server says. */
  wrongSizes = 0;
  /** Whether the server could count. */
  isCounted = true;
  #covered = 0; // events before the last report
  #uncounted = 0; // events after the last report of a connection that has ended
  #ended = NOTHING;
  #current = NOTHING;
  #firstAsked = null;
  #lastAsked = null;
  #asked = 0;

  /** @returns {{received_bytes: number, sent_bytes: number, cpu_seconds: number}} at the server */
  get cost() {
    return sum(this.#ended, this.#current);
  }

  /**
   * @returns {number} how many of the events are in the cost. A stream reports what came before an
   *     event.
   */
  get countedEvents() {
    return this.#covered - this.#uncounted;
  }

  /** @returns {number | null} the mean time between two requests in seconds */
  get interval() {
    return this.#asked > 1 ? (this.#lastAsked - this.#firstAsked) / (this.#asked - 1) / 1000 : null;
  }

  /** Note that a request goes out. */
  ask() {
    this.#lastAsked = now();
    this.#firstAsked ??= this.#lastAsked;
    this.#asked += 1;
  }

  /**
   * Note an answer with all its events.
   *
   * @param {{id: string, at: number}[]} events
   * @param {object | null} cost of this request and this answer
   */
  answer(events, cost) {
    this.requests += 1;
    this.answers += 1;
    if (!events.length) this.empty += 1;
    for (const event of events) this.#add(event);
    if (cost) this.#ended = sum(this.#ended, cost);
    else this.isCounted = false;
    this.#covered = this.events.length;
  }

  /** Note that a connection has opened. Its cost begins at zero. */
  connect() {
    this.requests += 1;
    this.disconnect();
  }

  /** Note that a connection has ended. Its cost stays. */
  disconnect() {
    this.#ended = sum(this.#ended, this.#current);
    this.#current = NOTHING;
    this.#uncounted += this.events.length - this.#covered;
    this.#covered = this.events.length;
  }

  /**
   * Note an event of a connection.
   *
   * @param {{id: string, at: number, cost: object | null}} event the cost before this event
   */
  event({ id, at, cost }) {
    this.connectionCost(cost);
    this.#add({ id, at });
  }

  /** @param {object | null} cost of the connection so far */
  connectionCost(cost) {
    if (cost) this.#current = cost;
    else this.isCounted = false;
    this.#covered = this.events.length;
  }

  #add({ id, at }) {
    this.events.push({ id, at: at * 1000, arrived: now() });
  }
}

function sum(one, other) {
  return {
    received_bytes: one.received_bytes + other.received_bytes,
    sent_bytes: one.sent_bytes + other.sent_bytes,
    cpu_seconds: one.cpu_seconds + other.cpu_seconds,
  };
}
