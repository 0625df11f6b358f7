import { element } from "../common/element.js";
import { AutoScroll } from "./auto-scroll.js";
import { MARKS, MAX_ENTRIES } from "./entry.js";

/** The newest entries as lines, oldest first. Lines that arrive together are drawn together. */
export class Log {
  #element;
  #scroll;
  #drawing;
  #pending = [];
  #flush = () => this.#draw();

  /**
   * @param {HTMLElement} element
   * @param {import("../common/drawing.js").Drawing} drawing
   */
  constructor(element, drawing) {
    this.#element = element;
    this.#drawing = drawing;
    this.#scroll = new AutoScroll(element);
  }

  /**
   * @param {"status" | "sent" | "received"} kind
   * @param {string} text shown as text, never as markup
   */
  write(kind, text) {
    if (this.#pending.push({ kind, text }) > MAX_ENTRIES) this.#pending.shift();
    // Layout is the cost of a line, so pay it once for all messages being delivered.
    this.#drawing.later(this.#flush);
  }

  clear() {
    this.#pending = [];
    this.#scroll.replace([]);
  }

  #draw() {
    const entries = this.#pending;
    this.#pending = [];
    const surplus = this.#element.childElementCount + entries.length - MAX_ENTRIES;
    this.#scroll.update(surplus, entries.flatMap(line));
  }
}

// The mark and the text are columns of their own, so that a long word cannot leave the mark alone.
function line({ kind, text }) {
  const mark = element("span", {}, `${MARKS[kind]} `);
  return [element("span", { class: kind }, mark, element("span", {}, text)), "\n"];
}
