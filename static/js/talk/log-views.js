import { load, store } from "./storage.js";

const STORAGE_KEY = "websockets-demo.log";
const VIEWS = { log: "#article-log", details: "#details" };

/** The two views of the log, of which one is shown. The browser remembers the choice. */
export class LogViews {
  #panel;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    for (const view of Object.keys(VIEWS)) {
      this.#button(view).addEventListener("click", () => {
        this.#show(view);
        store(STORAGE_KEY, { view });
      });
    }
    this.#show(load(STORAGE_KEY).view === "details" ? "details" : "log");
  }

  #show(shown) {
    for (const [view, part] of Object.entries(VIEWS)) {
      this.#panel.querySelector(part).hidden = view !== shown;
      this.#button(view).setAttribute("aria-pressed", String(view === shown));
    }
  }

  #button(view) {
    return this.#panel.querySelector(`#view-${view}`);
  }
}
