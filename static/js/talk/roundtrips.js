/**
 * Which message was answered by which, for a server that answers in order.
 *
 * A received message is an answer if it is the one that the oldest unanswered message should get.
 * Anything else (a greeting, a tick, a reply that was changed on its way) is nobody's answer.
 */
export class RoundTrips {
  #answers;
  #waiting = []; // the oldest first

  /** @param {function(*, *): boolean} answers takes a sent message's data and a received one's */
  constructor(answers) {
    this.#answers = answers;
  }

  /** @param {object} entry of a message that has just been sent */
  sent(entry) {
    entry.answer = "waiting";
    this.#waiting.push(entry);
  }

  /**
   * @param {object} entry of a message that has just been received
   * @returns {object | undefined} the entry that it answers, with its round trip
   */
  received(entry) {
    const oldest = this.#waiting[0];
    if (!oldest || !this.#answers(oldest.data, entry.data)) return undefined;
    this.#waiting.shift();
    oldest.answer = "answered";
    oldest.roundTrip = entry.clock - oldest.clock;
    entry.answers = oldest;
    return oldest;
  }

  /** @returns {object[]} the entries that will not be answered any more: the connection is over */
  end() {
    const left = this.#waiting.splice(0);
    for (const entry of left) entry.answer = "none";
    return left;
  }
}
