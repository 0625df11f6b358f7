import { Tail } from "./tail.js";

/** Entries that are kept: more than anyone reads, few enough for a phone. */
export const LIMIT = 1000;
/** What stands before an entry of each kind. */
export const MARKS = { event: "###", sent: ">>>", received: "<<<" };

/** The newest entries as lines, oldest first. What comes together is written together. */
export class Log {
  #element;
  #tail;
  #unwritten = [];

  constructor(element) {
    this.#element = element;
    this.#tail = new Tail(element);
  }

  /**
   * @param {"event" | "sent" | "received"} kind
   * @param {string} text is shown as it is, never as markup
   */
  write(kind, text) {
    if (this.#unwritten.push({ kind, text }) > LIMIT) this.#unwritten.shift();
    // Layout is what a line costs. After the messages that are being delivered it is paid once;
    // not in the next frame, as a page that is out of sight has none.
    if (this.#unwritten.length === 1) setTimeout(() => this.#flush());
  }

  clear() {
    this.#unwritten = [];
    this.#tail.replace([]);
  }

  #flush() {
    const entries = this.#unwritten;
    this.#unwritten = [];
    const surplus = this.#element.childElementCount + entries.length - LIMIT;
    this.#tail.update(surplus, entries.flatMap(line));
  }
}

function line({ kind, text }) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = `${MARKS[kind]} ${text}`;
  return [element, "\n"];
}
