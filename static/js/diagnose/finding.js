import { cureElements } from "../common/cures.js";
import { VERDICTS } from "./check-row.js";

const PARTS = ["title", "verdict", "meaning", "advice", "cures"];

/** The worst finding with its cure, above the list of checks. */
export class Finding {
  #element;
  #parts;
  #result = null; // shown

  /** @param {HTMLElement} element with an element of each part's class */
  constructor(element) {
    this.#element = element;
    this.#parts = Object.fromEntries(
      PARTS.map((name) => [name, element.querySelector(`.${name}`)]));
  }

  /** @param {import("./conclusion.js").Outcome | null} outcome null hides it */
  show(outcome) {
    this.#element.hidden = !outcome;
    if (outcome && outcome.result !== this.#result) this.#fill(outcome); // else keep the chosen tab
    this.#result = outcome?.result ?? null;
  }

  #fill({ id, title, result: { verdict, meaning, advice = "", cures = {} } }) {
    const parts = this.#parts;
    Object.assign(this.#element.dataset, { verdict, check: id });
    parts.title.textContent = title;
    parts.verdict.textContent = VERDICTS[verdict];
    parts.meaning.textContent = meaning;
    parts.advice.textContent = advice;
    parts.advice.hidden = !advice;
    parts.cures.replaceChildren(...cureElements(cures));
  }
}
