import { download } from "../common/download.js";
import { MAX_ENTRIES } from "./entry.js";
import { EntryList } from "./entry-list.js";
import { EntryPane } from "./entry-pane.js";
import { contentOf } from "./entry-text.js";
import { asJson, asText } from "./export.js";
import { filterOf } from "./filter.js";

/** The record as a list with filters, pause and export. Draws at most once per frame. */
export class Details {
  #record;
  #list;
  #pane;
  #filter;
  #kind;
  #pause;
  #count;
  #none;
  #isWanted = () => true; // whether a content passes the filter
  #paused = null; // while paused: the entries at the moment of pausing
  #added = []; // not drawn yet
  #changed = new Set(); // not drawn yet
  #drawing;
  #redrawChanges = () => this.#draw();

  /**
   * @param {HTMLElement} panel
   * @param {import("./record.js").Record} record
   * @param {import("../common/drawing.js").Drawing} drawing
   * @param {function(): void} clear called when the user wants the record empty
   */
  constructor(panel, record, drawing, clear) {
    this.#record = record;
    this.#drawing = drawing;
    this.#pane = new EntryPane(panel.querySelector("#entry"), () => this.#leaveEntry());
    this.#list = new EntryList(
      panel.querySelector("#entries"),
      (entry) => this.#pane.show(entry),
      () => this.#pane.copy(),
    );
    this.#filter = panel.querySelector("#filter");
    this.#kind = panel.querySelector("#kind");
    this.#pause = panel.querySelector("#pause");
    this.#count = panel.querySelector("#count");
    this.#none = panel.querySelector("#no-entries");
    this.#filter.addEventListener("input", () => this.#useFilter());
    this.#kind.addEventListener("change", () => this.#redraw());
    this.#pause.addEventListener("click", () => this.#togglePause());
    panel.querySelector("#clear").addEventListener("click", clear);
    listenForExport(panel, record);
  }

  /** The record has a new entry. */
  added(entry) {
    if (this.#added.push(entry) > MAX_ENTRIES) this.#added.shift();
    this.#schedule();
  }

  /** An entry of the record has changed. */
  changed(entry) {
    this.#changed.add(entry);
    this.#schedule();
  }

  /** The record has been emptied. */
  clear() {
    this.#pane.show(null);
    this.#list.unselect();
    this.#forget();
    if (this.#paused) this.#paused = [];
    this.#redraw();
  }

  // While a regular expression is being typed, it is often invalid. The last one stays until then.
  #useFilter() {
    const isWanted = filterOf(this.#filter.value);
    if (isWanted) this.#filter.removeAttribute("aria-invalid");
    else this.#filter.setAttribute("aria-invalid", "true");
    if (!isWanted) return;
    this.#isWanted = isWanted;
    this.#redraw();
  }

  #schedule() {
    this.#drawing.inFrame(this.#redrawChanges);
  }

  #draw() {
    this.#pane.update(this.#changed);
    if (this.#paused === null) this.#drawList();
    this.#showCount();
  }

  #drawList() {
    const oldest = this.#record.entries[0]?.id ?? Infinity;
    this.#list.update(oldest, this.#added.filter((entry) => this.#matches(entry)), this.#changed);
    this.#forget();
  }

  // Replaces every row: another filter or a pause selects other entries.
  #redraw() {
    const entries = this.#paused ?? this.#record.entries;
    this.#list.replace(entries.filter((entry) => this.#matches(entry)));
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
    return this.#isWanted(contentOf(entry));
  }

  #showCount() {
    const all = (this.#paused ?? this.#record.entries).length;
    const shown = this.#list.count === all ? `${all}` : `${this.#list.count} of ${all}`;
    const added = this.#paused ? this.#added.length : 0;
    this.#count.textContent = `${shown} shown${added ? `, ${added} new while paused` : ""}`;
    this.#none.hidden = this.#list.count > 0;
    this.#none.textContent = all > 0 ? "No entry passes the filter." : "The log is empty.";
  }

  #leaveEntry() {
    this.#list.unselect();
    this.#list.focus();
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
