import { AutoScroll } from "./auto-scroll.js";
import { MARKS, MAX_ENTRIES } from "./entry.js";

/** The newest entries as lines, oldest first. Lines that arrive together are drawn together. */
export class Log {
  #element;
  #scroll;
  #pending = [];

  constructor(element) {
    this.#element = element;
    this.#scroll = new AutoScroll(element);
  }

  /**
   * @param {"status" | "sent" | "received"} kind
   * @param {string} text shown as text, never as markup
   */
  write(kind, text) {
    if (this.#pending.push({ kind, text }) > MAX_ENTRIES) this.#pending.shift();
    // Layout is the cost of a line, so pay it once for all messages being delivered.
    // Not requestAnimationFrame: a hidden page gets no frames.
    if (this.#pending.length === 1) setTimeout(() => this.#flush());
  }

  clear() {
    this.#pending = [];
    this.#scroll.replace([]);
  }

  #flush() {
    const entries = this.#pending;
    this.#pending = [];
    const surplus = this.#element.childElementCount + entries.length - MAX_ENTRIES;
    this.#scroll.update(surplus, entries.flatMap(line));
  }
}

function line({ kind, text }) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = `${MARKS[kind]} ${text}`;
  return [element, "\n"];
}
