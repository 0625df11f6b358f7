import { CheckRow } from "./check-row.js";
import { countChecks } from "./left-out.js";

/** The rows of all checks. Those that were skipped fold into one line. */
export class CheckList {
  #fold;
  #list;
  #skipped;
  #template;
  #rows = new Map(); // by the id of the check
  #folded = []; // ids of the skipped checks

  /**
   * @param {HTMLDetailsElement} fold unfolds with the first check
   * @param {HTMLElement} list
   * @param {HTMLDetailsElement} skipped with a summary and a list of its own
   * @param {HTMLTemplateElement} template of a row
   */
  constructor(fold, list, skipped, template) {
    this.#fold = fold;
    this.#list = list;
    this.#skipped = skipped;
    this.#template = template;
  }

  /**
   * @param {import("./check.js").Check} check
   * @param {function(): void} pressed called when the user presses its button
   */
  add(check, pressed) {
    const row = new CheckRow(this.#template.content.cloneNode(true), check, pressed);
    this.#rows.set(check.id, row);
    this.#list.append(row.element);
  }

  /** @returns {CheckRow} */
  get(id) {
    return this.#rows.get(id);
  }

  unfold() {
    this.#fold.open = true;
  }

  /**
   * Move the rows of skipped checks into their fold, and the others out of it.
   *
   * @param {import("./conclusion.js").Outcome[]} skipped
   */
  foldSkipped(skipped) {
    const ids = skipped.map(({ id }) => id);
    if (ids.join() === this.#folded.join()) return; // A button that is moved misses its click.
    this.#folded = ids;
    this.#moveRows();
    this.#skipped.hidden = !skipped.length;
    this.#skipped.querySelector("summary").textContent = summary(skipped);
  }

  #moveRows() {
    const { activeElement: focused } = document;
    const fold = this.#skipped.querySelector("ol");
    for (const [id, row] of this.#rows) {
      (this.#folded.includes(id) ? fold : this.#list).append(row.element);
    }
    // A button that was moved has lost the focus.
    if (document.activeElement !== focused) focused.focus({ preventScroll: true });
  }
}

function summary(skipped) {
  const reasons = new Set(skipped.map(({ result }) => result.meaning.replace(/\.$/, "")));
  return `${[...reasons].join(", ")} (${countChecks(skipped)})`;
}
