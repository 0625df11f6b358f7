import { AddressError, parseAddress } from "../common/entered-address.js";
import { isOffered } from "../common/features.js";

const NOT_OFFERED = "This server lets its page connect only to its own addresses: /echo, /WS.ashx "
  + "and /. (FLASK_ECHO_FOREIGN_ADDRESSES is false.)";

/** The text box with the address. It tells the user at once when the text is no address. */
export class AddressField {
  #box;
  #error;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#box = panel.querySelector("#address");
    this.#error = panel.querySelector("#address-error");
  }

  get text() {
    return this.#box.value;
  }

  set text(text) {
    this.#box.value = text;
    this.check();
  }

  /**
   * @returns {import("../common/entered-address.js").Address | null} null if the text is no valid
   *     address
   */
  get address() {
    try {
      return this.#parse();
    } catch (error) {
      if (error instanceof AddressError) return null;
      throw error;
    }
  }

  /** Show the error of the text, or none. The form's own check then finds it, too. */
  check() {
    let message = "";
    try {
      this.#parse();
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      message = error.message;
    }
    this.#box.setCustomValidity(message);
    if (this.#error.textContent !== message) this.#error.textContent = message;
  }

  #parse() {
    const address = parseAddress(this.#box.value, window.location);
    if (address.foreign && !isOffered("foreign")) throw new AddressError(NOT_OFFERED);
    return address;
  }
}
