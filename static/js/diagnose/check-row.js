import { cureElements } from "../common/cures.js";
import { descriptions } from "../common/element.js";
import { drawResultChart } from "./result-chart.js";

/** The words for verdicts, and for checks without one. */
export const VERDICTS = {
  waiting: "Not run yet",
  running: "Running",
  good: "Good",
  notable: "Notable",
  bad: "Bad",
  unknown: "Unknown",
  cancelled: "Cancelled",
  "not run": "Not run",
};
const PARTS = [
  "check", "verdict", "title", "figure", "run", "meaning", "advice", "cures",
  "details", "chart", "descriptions",
];
const ABOVE = { meaning: "See the top of this page.", advice: "", cures: {} };

/** A check in the list: its verdict, its result, and the button that runs it. */
export class CheckRow {
  #parts;
  #title;
  #about;
  #chart = null; // drawn
  #data = null; // of the chart; null for a result without one
  #result = null; // of the check, once it has one
  #isExplainedAbove = false;

  /**
   * @param {DocumentFragment} template a copy of the row's template
   * @param {import("./check.js").Check} check
   * @param {function(): void} pressed called when the user presses the button
   */
  constructor(template, { id, title, about }, pressed) {
    this.#title = title;
    this.#about = about;
    this.#parts = Object.fromEntries(
      PARTS.map((name) => [name, template.querySelector(`.${name}`)]));
    this.#parts.check.id = `check-${id}`;
    this.#parts.title.textContent = title;
    this.#parts.run.addEventListener("click", pressed);
    this.#parts.details.addEventListener("toggle", () => this.#draw());
    this.wait();
  }

  get element() {
    return this.#parts.check;
  }

  wait() {
    this.#result = null;
    this.#show("waiting", { meaning: this.#about });
    this.#nameButton("Run");
  }

  start() {
    this.#result = null;
    this.#show("running", { meaning: this.#about });
    this.#nameButton("Cancel");
  }

  /** @param {string} text the progress of a running check */
  showProgress(text) {
    this.#parts.figure.textContent = text;
  }

  /** @param {import("./check.js").Result} result */
  finish(result) {
    this.#result = result;
    this.#isExplainedAbove = false;
    this.#show(result.verdict, result);
    this.#nameButton(result.verdict === "not run" ? "Run" : "Run again");
  }

  /**
   * Do not repeat an explanation that is shown above the list.
   *
   * @param {boolean} above
   */
  explainAbove(above) {
    if (!this.#result || above === this.#isExplainedAbove) return;
    this.#isExplainedAbove = above;
    const { verdict } = this.#result;
    this.#show(verdict, above ? { ...this.#result, ...ABOVE } : this.#result);
  }

  /** Allow or forbid the button. It keeps the focus, which `disabled` would take away. */
  allow(allowed) {
    this.#parts.run.setAttribute("aria-disabled", String(!allowed));
  }

  get isAllowed() {
    return this.#parts.run.getAttribute("aria-disabled") !== "true";
  }

  #show(verdict, { figure = "", meaning, advice = "", details = [], chart = null, cures = {} }) {
    const parts = this.#parts;
    parts.check.dataset.verdict = verdict;
    parts.verdict.textContent = VERDICTS[verdict];
    parts.figure.textContent = figure;
    parts.meaning.textContent = meaning;
    parts.advice.textContent = advice;
    parts.advice.hidden = !advice;
    parts.cures.replaceChildren(...cureElements(cures));
    parts.details.hidden = !details.length && !chart;
    parts.descriptions.replaceChildren(...descriptions(details));
    this.#data = chart;
    this.#draw();
  }

  #nameButton(text) {
    this.#parts.run.textContent = text;
    this.#parts.run.setAttribute("aria-label", `${text}: ${this.#title}`);
  }

  // A chart needs the width of its element, which is zero while the details are folded.
  #draw() {
    this.#parts.chart.hidden = !this.#data;
    if (!this.#data || !this.#parts.details.open) return;
    if (this.#chart) this.#chart.show([this.#data.x.values, this.#data.y.values]);
    else this.#chart = drawResultChart(this.#parts.chart, this.#data);
  }
}
