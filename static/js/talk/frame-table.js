import { element } from "../common/element.js";
import { bytesOf, characters, hex, opcodeName } from "../common/frame-anatomy.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
const PREVIEW_BYTES = 8;

/** What a reader at the browser calls the directions of a trace, which are the server's. */
export const SIDES = { received: "to server", sent: "from server" };
const ARROWS = { received: "→", sent: "←" };

/**
 * @typedef {object} Row one frame of the table
 * @property {number} number counts from 1
 * @property {object} frame of the trace; see docs/traces.md
 * @property {number} seconds since the opening
 * @property {boolean} isText of its message
 * @property {boolean} isCompressed of its message
 * @property {function(): Promise<Uint8Array | null>} inflate see frame-messages.js
 */

/** A table with one row per frame. One row can be selected, by mouse or keyboard. */
export class FrameTable {
  #body;
  #scroller;
  #rows = []; // Row
  #selected = null; // index
  #select;

  /**
   * @param {HTMLTableElement} table inside a scrolling element
   * @param {function(Row): void} select called when one is selected
   */
  constructor(table, select) {
    this.#body = table.tBodies[0];
    this.#scroller = table.parentElement;
    this.#select = select;
    this.#body.addEventListener("click", ({ target }) => this.#click(target));
    this.#body.addEventListener("keydown", (event) => this.#press(event));
  }

  get count() {
    return this.#rows.length;
  }

  /** @param {Row[]} rows to add at the end */
  append(rows) {
    if (rows.length === 0) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < 2; // heights are rounded
    this.#rows.push(...rows);
    this.#body.append(...rows.map(rowOf));
    if (this.#selected !== null) return;
    this.#makeReachable(0);
    if (atEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  clear() {
    this.#rows = [];
    this.#selected = null;
    this.#body.replaceChildren();
  }

  #click(target) {
    const row = target.closest("tr");
    if (!row || (isMarking(row) && !target.closest("button"))) return;
    this.#pick(row.sectionRowIndex);
  }

  #press(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const from = event.target.closest("tr").sectionRowIndex;
    const index = Math.min(Math.max(from + step, 0), this.#rows.length - 1);
    this.#pick(index);
    this.#button(index).focus();
  }

  #pick(index) {
    if (this.#selected !== null) this.#mark(this.#selected, false);
    this.#selected = index;
    this.#mark(index, true);
    this.#makeReachable(index);
    this.#select(this.#rows[index]);
  }

  #mark(index, selected) {
    this.#button(index).setAttribute("aria-pressed", String(selected));
    this.#body.rows[index].classList.toggle("selected", selected);
  }

  // Tab reaches one row, and the arrow keys the others: hundreds of stops would be in the way.
  #makeReachable(index) {
    for (const button of this.#body.querySelectorAll("button[tabindex='0']")) button.tabIndex = -1;
    this.#button(index).tabIndex = 0;
  }

  #button(index) {
    return this.#body.rows[index].querySelector("button");
  }
}

/** Whether the user marks text in the row, to copy it. */
function isMarking(row) {
  const selection = window.getSelection();
  return !selection.isCollapsed && selection.containsNode(row, true);
}

function rowOf(row) {
  const { number, frame, seconds } = row;
  const button = element(
    "button",
    { type: "button", class: "outline", tabindex: "-1", "aria-pressed": "false" },
    String(number),
  );
  button.setAttribute("aria-label", `Frame ${number}`);
  return element(
    "tr",
    { "data-direction": frame.direction },
    element("th", { scope: "row" }, button),
    cell(`${seconds.toFixed(3)} s`, "number"),
    cell(`${ARROWS[frame.direction]} ${SIDES[frame.direction]}`, "direction"),
    cell(opcodeName(frame.opcode)),
    cell(frame.fin ? "1" : "0"),
    cell(frame.rsv1 ? "1" : "0"),
    cell(`${frame.wire_length.toLocaleString("en")} B`, "number"),
    cell(previewOf(row), "payload"),
  );
}

function cell(text, kind = "") {
  return element("td", kind ? { class: kind } : {}, text);
}

function previewOf({ frame, isText, isCompressed }) {
  const bytes = bytesOf(frame.payload);
  const start = bytes.slice(0, PREVIEW_BYTES);
  const digits = start.map(hex).join(" ") + (bytes.length > start.length ? " …" : "");
  return isText && !isCompressed ? `${digits}  ${characters(start)}` : digits;
}
