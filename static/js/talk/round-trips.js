/**
 * Matches received messages to the sent messages that they reply to.
 *
 * The server replies in order, so only the oldest message without a reply can get one. Anything
 * else it sends (a greeting, a periodic message, a reply changed by a proxy) matches nothing.
 */
export class RoundTrips {
  #isReply;
  #waiting = []; // oldest first

  /** @param {function(*, *): boolean} isReply takes the data sent and the data received */
  constructor(isReply) {
    this.#isReply = isReply;
  }

  /** @param {import("./entry.js").Entry} entry of the message that has just been sent */
  sent(entry) {
    entry.reply = "waiting";
    this.#waiting.push(entry);
  }

  /**
   * @param {import("./entry.js").Entry} entry of the message that has just been received
   * @returns {import("./entry.js").Entry | undefined} the sent message, with its round trip
   */
  received(entry) {
    const oldest = this.#waiting[0];
    if (!oldest || !this.#isReply(oldest.data, entry.data)) return undefined;
    this.#waiting.shift();
    oldest.reply = "received";
    oldest.roundTrip = entry.clock - oldest.clock;
    entry.replyTo = oldest;
    return oldest;
  }

  /**
   * The connection has ended, so no more replies will come.
   *
   * @returns {import("./entry.js").Entry[]} the messages without a reply
   */
  end() {
    const unanswered = this.#waiting.splice(0);
    for (const entry of unanswered) entry.reply = "none";
    return unanswered;
  }
}
