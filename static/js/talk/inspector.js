import { copyText } from "../common/clipboard.js";
import { count } from "../common/format.js";
import { contentOf, factsOf } from "./facts.js";
import { clock } from "./format.js";
import { hasShape, pretty } from "./json.js";

const SHOWN_LENGTH = 50_000; // characters; a browser takes seconds to lay out megabytes
const ANSWER_MS = 2_000; // how long a button says what came of it

/** The selected entry in full, to be read and copied. */
export class Inspector {
  #pane;
  #facts;
  #content;
  #shape;
  #copy;
  #entry = null;

  /**
   * @param {HTMLElement} pane
   * @param {function(): void} closed when the user has closed the pane
   */
  constructor(pane, closed) {
    this.#pane = pane;
    this.#facts = pane.querySelector("#entry-facts");
    this.#content = pane.querySelector("#entry-content");
    this.#shape = pane.querySelector("#entry-pretty");
    this.#copy = pane.querySelector("#entry-copy");
    this.#copy.addEventListener("click", () => this.#copyAll());
    this.#shape.addEventListener("click", () => this.#toggleShape());
    pane.querySelector("#entry-close").addEventListener("click", () => {
      this.show(null);
      closed();
    });
  }

  /** @param {object | null} entry to be shown, or null for none */
  show(entry) {
    this.#entry = entry;
    this.#pane.hidden = entry === null;
    if (entry === null) return;
    this.#shape.hidden = !hasShape(contentOf(entry));
    this.#copy.textContent = "Copy";
    this.#showFacts();
    this.#showContent();
  }

  /** Show what has become known of the entries since, if one of them is shown. */
  update(changed) {
    if (changed.has(this.#entry)) this.#showFacts();
  }

  #showFacts() {
    const { id, kind, time } = this.#entry;
    const facts = [`#${id} ${kind} ${clock(time)}`, ...factsOf(this.#entry)];
    this.#facts.textContent = facts.join(" · ");
  }

  #showContent() {
    const text = this.#text;
    const rest = text.length - SHOWN_LENGTH;
    const note = rest > 0 ? `… and ${count(rest, "more character")}; a copy has them all` : "";
    this.#content.textContent = text.slice(0, SHOWN_LENGTH) + note;
  }

  get #text() {
    const text = contentOf(this.#entry);
    const shaped = this.#shape.getAttribute("aria-pressed") === "true" && !this.#shape.hidden;
    return shaped ? pretty(text) : text;
  }

  #toggleShape() {
    const pressed = this.#shape.getAttribute("aria-pressed") === "true";
    this.#shape.setAttribute("aria-pressed", String(!pressed));
    this.#showContent();
  }

  async #copyAll() {
    const entry = this.#entry;
    const copied = await copyText(this.#text);
    if (entry !== this.#entry) return;
    this.#copy.textContent = copied ? "Copied" : "Not copied";
    setTimeout(() => (this.#copy.textContent = "Copy"), ANSWER_MS);
  }
}
