import { formatTime } from "../common/format.js";
import { previewOf, roundTripOf, sizeOf } from "./entry-text.js";
import { MARKS } from "./entry.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
const MARGIN = 8; // rows drawn beyond each edge, since scrolling may be faster than drawing

/**
 * A list box with one row per entry. One row can be selected.
 *
 * Only the rows in view are in the page: moving a thousand rows up by one for each message would
 * take longer than a frame.
 */
export class EntryList {
  #scroller;
  #list;
  #entries = [];
  #rows = new Map(); // entry -> its element in the page
  #drawn = { first: 0, last: 0 }; // range of #entries whose rows are in the page
  #selected = null; // entry
  #following = true; // the end of the list is in view
  #select;
  #copy;

  /**
   * @param {HTMLElement} list inside a scrolling element; all rows have the same height
   * @param {function(import("./entry.js").Entry): void} select called when one is selected
   * @param {function(): void} copy called to copy the selected one
   */
  constructor(list, select, copy) {
    this.#list = list;
    this.#scroller = list.parentElement;
    this.#select = select;
    this.#copy = copy;
    list.addEventListener("click", ({ target }) => this.#pick(this.#entryOf(target)));
    list.addEventListener("keydown", (event) => this.#press(event));
    this.#scroller.addEventListener("scroll", () => this.#scrolled());
    new ResizeObserver(() => this.#draw()).observe(this.#scroller);
  }

  get count() {
    return this.#entries.length;
  }

  /**
   * @param {number} oldest entries with a smaller id are removed
   * @param {import("./entry.js").Entry[]} added
   * @param {Iterable<import("./entry.js").Entry>} changed may contain entries not in the list
   */
  update(oldest, added, changed) {
    for (const entry of changed) showReply(this.#rows.get(entry), entry);
    const first = this.#entries.findIndex(({ id }) => id >= oldest);
    const dropped = first < 0 ? this.#entries.length : first;
    this.#entries = [...this.#entries.slice(dropped), ...added];
    if (!this.#following) this.#scroller.scrollTop -= dropped * this.#rowHeight;
    this.#draw();
  }

  /** Replace all entries and scroll to the end. */
  replace(entries) {
    this.#entries = entries;
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#following = true;
    this.#draw();
  }

  unselect() {
    this.#mark(null);
  }

  focus() {
    this.#list.focus();
  }

  #draw() {
    this.#list.style.height = `${this.#entries.length * this.#rowHeight}px`;
    if (this.#scroller.clientHeight === 0) return; // the panel is hidden
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    const { first, last } = this.#inView();
    this.#drawRows(Math.max(0, first - MARGIN), last + MARGIN);
  }

  #inView() {
    const { scrollTop, clientHeight } = this.#scroller;
    const height = this.#rowHeight;
    return {
      first: Math.floor(scrollTop / height),
      last: Math.min(Math.ceil((scrollTop + clientHeight) / height), this.#entries.length),
    };
  }

  #drawRows(first, last) {
    const height = this.#rowHeight;
    const wanted = this.#entries.slice(first, last);
    this.#drawn = { first, last };
    this.#rows = new Map(wanted.map((entry) => [entry, this.#rows.get(entry) ?? rowOf(entry)]));
    const rows = [...this.#rows.values()];
    rows.forEach((row, index) => {
      row.style.top = `${(first + index) * height}px`;
      row.setAttribute("aria-posinset", first + index + 1);
      row.setAttribute("aria-setsize", this.#entries.length);
    });
    this.#list.replaceChildren(...rows);
    this.#mark(this.#selected);
  }

  // The style sheet sets it, and differently on a phone.
  get #rowHeight() {
    return parseFloat(getComputedStyle(this.#list).lineHeight);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#following = scrollHeight - scrollTop - clientHeight < 2; // heights are rounded
    const { first, last } = this.#inView();
    if (first < this.#drawn.first || last > this.#drawn.last) this.#draw();
  }

  #entryOf(element) {
    const row = element.closest("[role=option]");
    return this.#entries.find((entry) => this.#rows.get(entry) === row);
  }

  #press(event) {
    if (this.#selected && asksForCopy(event)) return this.#copy();
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const last = this.#entries.length - 1;
    const current = this.#entries.indexOf(this.#selected);
    const from = current < 0 && step < 0 ? last + 1 : current;
    this.#pick(this.#entries[Math.min(Math.max(from + step, 0), last)]);
  }

  #pick(entry) {
    if (!entry) return;
    this.#selected = entry;
    this.#select(entry); // opens a pane, which may make the list shorter
    this.#scrollTo(this.#entries.indexOf(entry));
  }

  #scrollTo(index) {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.#scroller;
    const lowest = (index + 1) * height - clientHeight;
    this.#scroller.scrollTop = Math.max(lowest, Math.min(scrollTop, index * height));
    this.#scrolled(); // draw the row now: the scroll event comes only with the next frame
    this.#mark(this.#selected);
  }

  #mark(entry) {
    this.#selected = entry;
    for (const [other, row] of this.#rows) row.setAttribute("aria-selected", other === entry);
    const row = this.#rows.get(entry);
    if (row) this.#list.setAttribute("aria-activedescendant", row.id);
    else this.#list.removeAttribute("aria-activedescendant");
  }
}

// If the user has marked text, the browser copies that.
function asksForCopy({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (key !== "c" || altKey || shiftKey || !(ctrlKey || metaKey)) return false;
  return window.getSelection().isCollapsed;
}

function rowOf(entry) {
  const row = document.createElement("div");
  row.id = `entry-${entry.id}`;
  row.className = entry.kind;
  row.setAttribute("role", "option");
  row.append(
    cell("time", formatTime(entry.time)),
    markCell(entry.kind),
    cell("content", previewOf(entry)),
    cell("size", sizeOf(entry)),
    cell("trip", ""),
  );
  showReply(row, entry);
  return row;
}

// The style sheet shows the mark; screen readers get the word.
function markCell(kind) {
  const element = cell("mark", kind);
  element.dataset.mark = MARKS[kind];
  return element;
}

function cell(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function showReply(row, entry) {
  if (!row || entry.kind !== "sent") return;
  row.dataset.reply = entry.reply ?? "";
  row.querySelector(".trip").textContent = roundTripOf(entry);
}
