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
   * @param {object} target of the attempt
   * @param {string} target.address
   * @param {boolean} target.foreign whether it belongs to another server
   * @param {import("./failure-reason.js").Reason} reason
   */
  show({ address, foreign }, { text, isComplete }) {
    this.#part("reason").textContent = text;
    this.#part("why").hidden = foreign || isComplete;
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
