import { MAX_ENTRIES } from "./entry.js";

/**
 * Matches received messages to the sent messages that they reply to.
 *
 * The server replies in order, so only the oldest message without a reply can get one. Anything
 * else it sends (a greeting, a periodic message, a reply changed by a proxy) matches nothing.
 */
export class RoundTrips {
  #isReply;
  #isSure;
  #waiting = []; // oldest first

  /**
   * @param {object} replies
   * @param {function(*, *): boolean} replies.isReply takes the data sent and the data received
   * @param {boolean} replies.isSure whether the server replies to each message; if not, nothing is
   *     said of a message without a reply, and any message may get one
   */
  constructor({ isReply, isSure }) {
    this.#isReply = isReply;
    this.#isSure = isSure;
  }

  /** @returns {boolean} whether a reply may arrive */
  get isWaiting() {
    return this.#waiting.length > 0;
  }

  /** @param {import("./entry.js").Entry} entry of the message that has just been sent */
  sent(entry) {
    if (this.#isSure) entry.reply = "waiting";
    this.#waiting.push(entry);
    if (this.#waiting.length > MAX_ENTRIES) this.#waiting.shift();
  }

  /**
   * @param {import("./entry.js").Entry} entry of the message that has just been received
   * @returns {import("./entry.js").Entry | undefined} the sent message, with its round trip
   */
  received(entry) {
    const candidates = this.#isSure ? this.#waiting.slice(0, 1) : this.#waiting;
    const place = candidates.findIndex(({ data }) => this.#isReply(data, entry.data));
    if (place < 0) return undefined;
    const sent = this.#waiting[place];
    this.#waiting.splice(0, place + 1);
    sent.reply = "received";
    sent.roundTrip = entry.clock - sent.clock;
    entry.replyTo = sent;
    return sent;
  }

  /**
   * The connection has ended, so no more replies will come.
   *
   * @returns {import("./entry.js").Entry[]} the messages without a reply
   */
  end() {
    const unanswered = this.#waiting.splice(0);
    if (!this.#isSure) return [];
    for (const entry of unanswered) entry.reply = "none";
    return unanswered;
  }
}
