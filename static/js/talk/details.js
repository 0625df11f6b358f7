import { download } from "../common/download.js";
import { asJson, asText } from "./export.js";
import { contentOf } from "./facts.js";
import { Inspector } from "./inspector.js";
import { LIMIT } from "./log.js";
import { Rows } from "./rows.js";

/** The record in detail: a filtered list, and tools for it. Draws once per frame. */
export class Details {
  #record;
  #rows;
  #inspector;
  #filter;
  #kind;
  #pause;
  #count;
  #paused = null; // the entries that there were, while the list stands still
  #added = [];
  #changed = new Set();
  #frame = null;

  /**
   * @param {HTMLElement} panel
   * @param {object} record
   * @param {function(): void} clear is called when the user wants the record empty
   */
  constructor(panel, record, clear) {
    this.#record = record;
    this.#inspector = new Inspector(panel.querySelector("#entry"), () => this.#leaveEntry());
    this.#rows = new Rows(panel.querySelector("#entries"), (entry) => this.#inspector.show(entry));
    this.#filter = panel.querySelector("#filter");
    this.#kind = panel.querySelector("#kind");
    this.#pause = panel.querySelector("#pause");
    this.#count = panel.querySelector("#count");
    this.#filter.addEventListener("input", () => this.#redraw());
    this.#kind.addEventListener("change", () => this.#redraw());
    this.#pause.addEventListener("click", () => this.#togglePause());
    panel.querySelector("#clear").addEventListener("click", clear);
    listenForExport(panel, record);
  }

  /** An entry has come to the record. */
  added(entry) {
    if (this.#added.push(entry) > LIMIT) this.#added.shift();
    this.#schedule();
  }

  /** An entry of the record has become another. */
  changed(entry) {
    this.#changed.add(entry);
    this.#schedule();
  }

  /** Show nothing: the record has been emptied. */
  clear() {
    this.#inspector.show(null);
    this.#rows.unselect();
    this.#forget();
    if (this.#paused) this.#paused = [];
    this.#redraw();
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = null;
    this.#inspector.update(this.#changed);
    if (this.#paused === null) this.#drawRows();
    this.#showCount();
  }

  #drawRows() {
    const oldest = this.#record.entries[0]?.id ?? Infinity;
    this.#rows.update(oldest, this.#added.filter((entry) => this.#matches(entry)), this.#changed);
    this.#forget();
  }

  // All rows anew: they are others now.
  #redraw() {
    const entries = this.#paused ?? this.#record.entries;
    this.#rows.replace(entries.filter((entry) => this.#matches(entry)));
    if (this.#paused === null) this.#forget();
    this.#showCount();
  }

  #forget() {
    this.#added = [];
    this.#changed.clear();
  }

  #togglePause() {
    this.#paused = this.#paused === null ? [...this.#record.entries] : null;
    this.#pause.setAttribute("aria-pressed", String(this.#paused !== null));
    this.#redraw();
  }

  #matches(entry) {
    if (this.#kind.value && this.#kind.value !== entry.kind) return false;
    const wanted = this.#filter.value.toLowerCase();
    return wanted === "" || contentOf(entry).toLowerCase().includes(wanted);
  }

  #showCount() {
    const all = (this.#paused ?? this.#record.entries).length;
    const shown = this.#rows.count === all ? `${all}` : `${this.#rows.count} of ${all}`;
    const held = this.#added.length;
    this.#count.textContent = `${shown} shown${this.#paused && held ? `, ${held} held back` : ""}`;
  }

  #leaveEntry() {
    this.#rows.unselect();
    this.#rows.focus();
  }
}

function listenForExport(panel, record) {
  const on = (button, write, name, type) =>
    panel.querySelector(button).addEventListener("click", () => {
      download(name, write(record.entries), type);
    });
  on("#export-json", asJson, "websocket-log.json", "application/json");
  on("#export-text", asText, "websocket-log.txt", "text/plain");
}
