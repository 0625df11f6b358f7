import { MARKS } from "../log.js";
import { Tail } from "../tail.js";
import { previewOf } from "./facts.js";
import { clock, roundTrip, size } from "./format.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };

/** A list box with a row for each entry, one of which can be selected. */
export class Rows {
  #list;
  #tail;
  #rows = new Map(); // { entry, element } by the entry's id, oldest first
  #selected = null; // an element
  #select;

  /**
   * @param {HTMLElement} list
   * @param {function(object): void} select takes the entry that has just been selected
   */
  constructor(list, select) {
    this.#list = list;
    this.#tail = new Tail(list);
    this.#select = select;
    list.addEventListener("click", ({ target }) => this.#pick(target.closest("[role=option]")));
    list.addEventListener("keydown", (event) => this.#press(event));
  }

  get count() {
    return this.#rows.size;
  }

  /**
   * @param {number} oldest id that is kept
   * @param {object[]} added entries
   * @param {Iterable<object>} changed entries, whether they have a row or not
   */
  update(oldest, added, changed) {
    for (const entry of changed) showAnswer(this.#rows.get(entry.id)?.element, entry);
    const surplus = [...this.#rows.keys()].filter((id) => id < oldest);
    for (const id of surplus) this.#rows.delete(id);
    this.#tail.update(surplus.length, added.map((entry) => this.#row(entry)));
  }

  /** @param {object[]} entries to be shown in place of all there are */
  replace(entries) {
    this.#rows.clear();
    this.#tail.replace(entries.map((entry) => this.#row(entry)));
  }

  /** Leave no entry selected. */
  unselect() {
    this.#selected?.setAttribute("aria-selected", "false");
    this.#selected = null;
    this.#list.removeAttribute("aria-activedescendant");
  }

  focus() {
    this.#list.focus();
  }

  #row(entry) {
    const element = rowOf(entry);
    this.#rows.set(entry.id, { entry, element });
    if (this.#selected?.id === element.id) this.#mark(element); // drawn anew
    return element;
  }

  #press(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const { children } = this.#list;
    const here = [...children].indexOf(this.#selected);
    const from = here < 0 && step < 0 ? children.length : here;
    this.#pick(children[Math.min(Math.max(from + step, 0), children.length - 1)]);
  }

  #pick(element) {
    if (!element) return;
    this.unselect();
    this.#mark(element);
    const { entry } = this.#rows.get(Number(element.dataset.id));
    this.#select(entry); // may leave less room for the list
    element.scrollIntoView({ block: "nearest" });
  }

  #mark(element) {
    this.#selected = element;
    element.setAttribute("aria-selected", "true");
    this.#list.setAttribute("aria-activedescendant", element.id);
  }
}

function rowOf(entry) {
  const element = document.createElement("div");
  element.id = `entry-${entry.id}`;
  element.dataset.id = entry.id;
  element.className = entry.kind;
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", "false");
  element.append(
    cell("time", clock(entry.time)),
    mark(entry.kind),
    cell("content", previewOf(entry)),
    cell("size", entry.bytes === undefined ? "" : size(entry.bytes)),
    cell("trip", ""),
  );
  showAnswer(element, entry);
  return element;
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

function showAnswer(element, entry) {
  if (!element || entry.kind !== "sent") return;
  element.dataset.answer = entry.answer ?? "";
  element.querySelector(".trip").textContent = roundTrip(entry);
}
