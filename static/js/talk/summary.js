const NO_CONNECTION = { opening: null, sent: null, sentCount: 0, received: null };

/**
 * @typedef {import("./entry.js").Entry} Entry
 *
 * @typedef {object} Facts of the current connection, or of the last one
 * @property {Entry | null} opening with `address`, `foreign`, `subprotocol`, `extensions`,
 *     `milliseconds` and `trace` (its ID, or null); null if no connection has opened yet
 * @property {boolean} isOpen
 * @property {Entry | null} sent the last message
 * @property {number} sentCount how many messages were sent
 * @property {Entry | null} received the last message
 * @property {Entry | null} end the last one, of a connection or of an attempt: see close-codes.js
 */

/** What Talk tells other panels: where it connects to, and how its last connection went. */
export class Summary {
  #options = null;
  #listener = () => {};
  #facts = { ...NO_CONNECTION, isOpen: false, end: null };

  /** @param {import("./options.js").Options} options of Talk */
  follow(options) {
    this.#options = options;
  }

  /** @param {function(): void} listener called after each change of the facts */
  listen(listener) {
    this.#listener = listener;
  }

  /** The next connection, as in options.js; null while its address is invalid. */
  get target() {
    return this.#options.target;
  }

  /** @returns {Facts} */
  get facts() {
    return this.#facts;
  }

  /**
   * The record has a new entry.
   *
   * @param {Entry} entry
   */
  added(entry) {
    this.#facts = { ...this.#facts, ...newsOf(entry, this.#facts) };
    this.#listener();
  }
}

function newsOf(entry, { sentCount }) {
  if (entry.kind === "sent") return { sent: entry, sentCount: sentCount + 1 };
  if (entry.kind === "received") return { received: entry };
  if (entry.milliseconds !== undefined) {
    return { ...NO_CONNECTION, opening: entry, isOpen: true };
  }
  return entry.code === undefined ? {} : { end: entry, isOpen: false };
}
