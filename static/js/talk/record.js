import { LIMIT } from "./log.js";

const encoder = new TextEncoder();

/**
 * All that happened, as entries; the newest are kept. An entry has
 * `id`, which counts from 1; `kind`: "event", "sent" or "received"; `text` as the log shows it;
 * `time` in milliseconds of the epoch. A message has its `data`, its size in `bytes`, and `clock`:
 * milliseconds of a clock that nobody sets. An event has what is known of it.
 */
export class Record {
  #entries = [];
  #count = 0;
  #listener;

  /** @param {{added: function(object): void, changed: function(object): void}} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @returns {object[]} the entries that are kept, oldest first */
  get entries() {
    return this.#entries;
  }

  /** Write down an event, with what is known of it. */
  event(text, known = {}) {
    return this.#add({ kind: "event", text, ...known });
  }

  /** Write down a message: its direction, the text that stands for it, its data, and when. */
  message(kind, text, data, clock = performance.now()) {
    return this.#add({ kind, text, data, bytes: sizeOf(data), clock });
  }

  /** Tell that an entry has become another. */
  changed(entry) {
    this.#listener.changed(entry);
  }

  clear() {
    this.#entries = [];
  }

  #add(fields) {
    this.#count += 1;
    const entry = { id: this.#count, time: Date.now(), ...fields };
    if (this.#entries.push(entry) > LIMIT) this.#entries.shift();
    this.#listener.added(entry);
    return entry;
  }
}

function sizeOf(data) {
  if (typeof data === "string") return encoder.encode(data).length; // a text message is UTF-8
  return data.byteLength ?? data.size;
}
