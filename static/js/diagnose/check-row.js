import { descriptions } from "../common/element.js";
import { drawResultChart } from "./result-chart.js";

const WORDS = {
  waiting: "Not run yet",
  running: "Running",
  good: "Good",
  notable: "Notable",
  bad: "Bad",
  cancelled: "Cancelled",
  "not run": "Not run",
};

/** One check in the list: its verdict, figure and meaning, and the button that runs it. */
export class CheckRow {
  #parts;
  #title;
  #about;
  #chart = null;
  #graph = null;

  /**
   * @param {DocumentFragment} template a copy of the row's template
   * @param {import("./check.js").Check} check
   * @param {function(): void} pressed called when the user presses the button
   */
  constructor(template, { id, title, about }, pressed) {
    const part = (name) => template.querySelector(`.${name}`);
    const names = ["check", "verdict", "title", "figure", "run", "meaning", "advice"];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(name)]));
    for (const name of ["details", "chart", "descriptions"]) this.#parts[name] = part(name);
    [this.#title, this.#about] = [title, about];
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
    this.#show("waiting", { meaning: this.#about });
    this.#name("Run");
  }

  start() {
    this.#show("running", { meaning: this.#about });
    this.#name("Cancel");
  }

  /** Show how far it is, while it runs. */
  tell(text) {
    this.#parts.figure.textContent = text;
  }

  /** @param {import("./check.js").Result} result */
  finish(result) {
    this.#show(result.verdict, result);
    this.#name(result.verdict === "not run" ? "Run" : "Run again");
  }

  /** Whether the button may be pressed; it keeps the focus either way. */
  allow(allowed) {
    this.#parts.run.setAttribute("aria-disabled", String(!allowed));
  }

  get isAllowed() {
    return this.#parts.run.getAttribute("aria-disabled") !== "true";
  }

  #show(verdict, { figure = "", meaning, advice = "", details = [], chart = null }) {
    const { check, verdict: word, details: fold } = this.#parts;
    check.dataset.verdict = verdict;
    word.textContent = WORDS[verdict];
    this.#parts.figure.textContent = figure;
    this.#parts.meaning.textContent = meaning;
    this.#parts.advice.textContent = advice;
    this.#parts.advice.hidden = !advice;
    fold.hidden = !details.length && !chart;
    this.#parts.descriptions.replaceChildren(...descriptions(details));
    this.#graph = chart;
    this.#draw();
  }

  #name(text) {
    this.#parts.run.textContent = text;
    this.#parts.run.setAttribute("aria-label", `${text}: ${this.#title}`);
  }

  // Only what can be seen has a width to draw in.
  #draw() {
    this.#parts.chart.hidden = !this.#graph;
    if (!this.#graph || !this.#parts.details.open) return;
    if (this.#chart) this.#chart.show([this.#graph.x.values, this.#graph.y.values]);
    else this.#chart = drawResultChart(this.#parts.chart, this.#graph);
  }
}
