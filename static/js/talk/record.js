import { MAX_ENTRIES } from "./entry.js";

const encoder = new TextEncoder();

/** The newest entries of the conversation. Listeners show them. */
export class Record {
  #entries = [];
  #count = 0;
  #listener;

  /**
   * @param {object} listener
   * @param {function(import("./entry.js").Entry): void} listener.added
   * @param {function(import("./entry.js").Entry): void} listener.changed
   */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @returns {import("./entry.js").Entry[]} oldest first */
  get entries() {
    return this.#entries;
  }

  /**
   * Add a change of status.
   *
   * @param {string} text
   * @param {object} details such as the close code, or `log`
   */
  status(text, details = {}) {
    return this.#add({ kind: "status", text, ...details });
  }

  /**
   * Add a message.
   *
   * @param {"sent" | "received"} kind
   * @param {string} text for the log
   * @param {string | ArrayBuffer} data
   * @param {number} clock the moment it was sent or received, from `performance.now()`
   */
  message(kind, text, data, clock = performance.now()) {
    return this.#add({ kind, text, data, bytes: sizeOf(data), clock });
  }

  /** Tell the listener that an entry has changed. */
  changed(entry) {
    this.#listener.changed(entry);
  }

  clear() {
    this.#entries = [];
  }

  #add(fields) {
    this.#count += 1;
    const entry = { id: this.#count, time: Date.now(), ...fields };
    if (this.#entries.push(entry) > MAX_ENTRIES) this.#entries.shift();
    this.#listener.added(entry);
    return entry;
  }
}

function sizeOf(data) {
  if (typeof data === "string") return encoder.encode(data).length; // text is sent as UTF-8
  return data.byteLength ?? data.size;
}
