import { formatDuration } from "../common/format.js";

/** What the two sides agreed on when the connection opened. */
export class OpeningView {
  #none;
  #facts;
  #part;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#part = (name) => panel.querySelector(`#opening-${name}`);
    this.#none = panel.querySelector("#no-opening");
    this.#facts = this.#part("facts");
  }

  /**
   * @param {object} opening
   * @param {number} opening.milliseconds from the request to the event of the browser
   * @param {string} opening.subprotocol agreed on, or ""
   * @param {string} opening.extensions agreed on, or ""
   */
  show({ milliseconds, subprotocol, extensions }) {
    this.#part("time").textContent = formatDuration(milliseconds);
    this.#part("subprotocol").textContent = subprotocol || "none";
    this.#part("extensions").textContent = extensions || "none";
    this.#none.hidden = true;
    this.#facts.hidden = false;
  }

  /**
   * Offer the panel Handshake, which tells of this server only.
   *
   * @param {boolean} isOwn whether the connection is one to this server
   */
  offerMore(isOwn) {
    const more = this.#part("more"); // missing if this server does not offer the panel
    if (more) more.hidden = !isOwn;
  }

  /** There is no connection to tell of. */
  clear() {
    this.#none.hidden = false;
    this.#facts.hidden = true;
  }
}
