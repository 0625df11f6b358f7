import { copyAndTell } from "../common/clipboard.js";

/** Tells that a connection did not open, why, and what to do next. */
export class FailureBanner {
  #banner;
  #part;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#part = (name) => panel.querySelector(`#failure-${name}`);
    this.#banner = panel.querySelector("#failure");
    this.#part("copy").addEventListener("click", () =>
      copyAndTell(this.#part("command").textContent, this.#part("copied")));
  }

  /**
   * @param {object} failure
   * @param {string} failure.address
   * @param {boolean} failure.foreign whether it belongs to another server
   * @param {string} failure.reason a sentence
   */
  show({ address, foreign, reason }) {
    this.#part("reason").textContent = reason;
    this.#part("why").hidden = foreign;
    this.#part("probe").hidden = !foreign;
    this.#part("command").textContent = foreign ? `flask-echo probe ${quoted(address)}` : "";
    this.#part("copied").textContent = "";
    this.#banner.hidden = false;
  }

  hide() {
    this.#banner.hidden = true;
  }
}

// The serialization of an address has no single quote but in its path and query.
function quoted(address) {
  return `'${address.replaceAll("'", "%27")}'`;
}
