import { copyText } from "../common/clipboard.js";
import { formatCount, formatTime } from "../common/format.js";
import { contentOf, detailsOf } from "./entry-text.js";
import { isObjectOrArray, prettyPrint } from "./json.js";

const SHOWN_LENGTH = 50_000; // characters; a browser takes seconds to lay out megabytes
const FEEDBACK_MS = 2_000; // time for which the Copy button shows its result

/** The selected entry in full, to read and to copy. */
export class EntryPane {
  #pane;
  #details;
  #content;
  #pretty;
  #copy;
  #entry = null;

  /**
   * @param {HTMLElement} pane
   * @param {function(): void} closed called when the user has closed the pane
   */
  constructor(pane, closed) {
    this.#pane = pane;
    this.#details = pane.querySelector("#entry-details");
    this.#content = pane.querySelector("#entry-content");
    this.#pretty = pane.querySelector("#entry-pretty");
    this.#copy = pane.querySelector("#entry-copy");
    this.#copy.addEventListener("click", () => this.copy());
    this.#pretty.addEventListener("click", () => this.#togglePretty());
    pane.querySelector("#entry-close").addEventListener("click", () => {
      this.show(null);
      closed();
    });
  }

  /** @param {import("./entry.js").Entry | null} entry to show, or null to hide the pane */
  show(entry) {
    this.#entry = entry;
    this.#pane.hidden = entry === null;
    if (entry === null) return;
    this.#pretty.hidden = !isObjectOrArray(contentOf(entry));
    this.#copy.textContent = "Copy";
    this.#showDetails();
    this.#showContent();
  }

  /** @param {Set<import("./entry.js").Entry>} changed may contain the entry shown here */
  update(changed) {
    if (changed.has(this.#entry)) this.#showDetails();
  }

  /** Copy the content as it is shown, and say so on the button. */
  async copy() {
    const entry = this.#entry;
    const copied = await copyText(this.#text);
    if (entry !== this.#entry) return;
    this.#copy.textContent = copied ? "Copied" : "Not copied";
    setTimeout(() => (this.#copy.textContent = "Copy"), FEEDBACK_MS);
  }

  #showDetails() {
    const { id, kind } = this.#entry;
    const details = [`#${id} ${kind} ${formatTime(this.#entry.time)}`, ...detailsOf(this.#entry)];
    this.#details.textContent = details.join(" · ");
  }

  #showContent() {
    const text = this.#text;
    const rest = text.length - SHOWN_LENGTH;
    const note = rest > 0 ? `… and ${formatCount(rest, "more character")}; Copy copies all` : "";
    this.#content.textContent = text.slice(0, SHOWN_LENGTH) + note;
  }

  get #text() {
    const text = contentOf(this.#entry);
    return this.#isPretty && !this.#pretty.hidden ? prettyPrint(text) : text;
  }

  get #isPretty() {
    return this.#pretty.getAttribute("aria-pressed") === "true";
  }

  #togglePretty() {
    this.#pretty.setAttribute("aria-pressed", String(!this.#isPretty));
    this.#showContent();
  }
}
