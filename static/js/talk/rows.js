import { previewOf } from "./facts.js";
import { clock, roundTrip, size } from "./format.js";
import { MARKS } from "./log.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
const MARGIN = 8; // rows beyond each edge, for a scroll that is faster than a frame

/**
 * A list box with a row for each entry, one of which can be selected. Only the rows in view are in
 * the page: a thousand that move up by one with every message take longer than a frame.
 */
export class Rows {
  #scroller;
  #list;
  #entries = [];
  #rows = new Map(); // elements in the page, by entry
  #placed = { first: 0, last: 0 }; // the places of these rows in the list
  #selected = null; // an entry
  #following = true; // the end of the list
  #select;

  /**
   * @param {HTMLElement} list in an element that scrolls; its rows are all of one height
   * @param {function(object): void} select takes the entry that has just been selected
   */
  constructor(list, select) {
    this.#list = list;
    this.#scroller = list.parentElement;
    this.#select = select;
    list.addEventListener("click", ({ target }) => this.#pick(this.#entryOf(target)));
    list.addEventListener("keydown", (event) => this.#press(event));
    this.#scroller.addEventListener("scroll", () => this.#scrolled());
    new ResizeObserver(() => this.#draw()).observe(this.#scroller);
  }

  get count() {
    return this.#entries.length;
  }

  /**
   * @param {number} oldest id that is kept
   * @param {object[]} added entries
   * @param {Iterable<object>} changed entries, whether they are shown or not
   */
  update(oldest, added, changed) {
    for (const entry of changed) showAnswer(this.#rows.get(entry), entry);
    const surplus = this.#entries.findIndex(({ id }) => id >= oldest);
    const dropped = surplus < 0 ? this.#entries.length : surplus;
    this.#entries = [...this.#entries.slice(dropped), ...added];
    if (!this.#following) this.#scroller.scrollTop -= dropped * this.#rowHeight; // read on there
    this.#draw();
  }

  /** @param {object[]} entries to be shown in place of all there are, from their end */
  replace(entries) {
    this.#entries = entries;
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#following = true;
    this.#draw();
  }

  /** Leave no entry selected. */
  unselect() {
    this.#mark(null);
  }

  focus() {
    this.#list.focus();
  }

  #draw() {
    this.#list.style.height = `${this.#entries.length * this.#rowHeight}px`;
    if (this.#scroller.clientHeight === 0) return; // in a hidden panel
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    const { first, last } = this.#inView();
    this.#place(Math.max(0, first - MARGIN), last + MARGIN);
  }

  #inView() {
    const { scrollTop, clientHeight } = this.#scroller;
    const height = this.#rowHeight;
    return {
      first: Math.floor(scrollTop / height),
      last: Math.min(Math.ceil((scrollTop + clientHeight) / height), this.#entries.length),
    };
  }

  #place(first, last) {
    const height = this.#rowHeight;
    const wanted = this.#entries.slice(first, last);
    this.#placed = { first, last };
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

  // As the style sheet has it: it differs between a phone and a wide screen.
  get #rowHeight() {
    return parseFloat(getComputedStyle(this.#list).lineHeight);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#following = scrollHeight - scrollTop - clientHeight < 2; // heights are rounded
    const { first, last } = this.#inView();
    if (first < this.#placed.first || last > this.#placed.last) this.#draw();
  }

  #entryOf(element) {
    const row = element.closest("[role=option]");
    return this.#entries.find((entry) => this.#rows.get(entry) === row);
  }

  #press(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const last = this.#entries.length - 1;
    const here = this.#entries.indexOf(this.#selected);
    const from = here < 0 && step < 0 ? last + 1 : here;
    this.#pick(this.#entries[Math.min(Math.max(from + step, 0), last)]);
  }

  #pick(entry) {
    if (!entry) return;
    this.#selected = entry;
    this.#select(entry); // may leave less room for the list
    this.#bringIntoView(this.#entries.indexOf(entry));
  }

  #bringIntoView(index) {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.#scroller;
    const lowest = (index + 1) * height - clientHeight;
    this.#scroller.scrollTop = Math.max(lowest, Math.min(scrollTop, index * height));
    this.#scrolled(); // now, not in the next frame: the row has to be there
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

function rowOf(entry) {
  const row = document.createElement("div");
  row.id = `entry-${entry.id}`;
  row.className = entry.kind;
  row.setAttribute("role", "option");
  row.append(
    cell("time", clock(entry.time)),
    mark(entry.kind),
    cell("content", previewOf(entry)),
    cell("size", entry.bytes === undefined ? "" : size(entry.bytes)),
    cell("trip", ""),
  );
  showAnswer(row, entry);
  return row;
}

// The marks of the log to the eye, words to the ear.
function mark(kind) {
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

function showAnswer(row, entry) {
  if (!row || entry.kind !== "sent") return;
  row.dataset.answer = entry.answer ?? "";
  row.querySelector(".trip").textContent = roundTrip(entry);
}
