import { element } from "../common/element.js";
import { requestHeader, responseHeader } from "../common/inspect.js";
import { acceptSteps, GUID } from "./accept.js";

/** The computation of Sec-WebSocket-Accept, repeated whenever the user changes the key. */
export class AcceptView {
  #part;
  #received = "";

  /** @param {function(string): HTMLElement} part finds an element of the panel by its name */
  constructor(part) {
    this.#part = part;
    part("key").addEventListener("input", () => this.#compute());
  }

  /** @param {object} report of /inspect */
  show(report) {
    this.#part("key").value = requestHeader(report, "Sec-WebSocket-Key") ?? "";
    this.#received = responseHeader(report, "Sec-WebSocket-Accept") ?? "";
    this.#part("received").textContent = this.#received;
    this.#compute();
  }

  #compute() {
    const key = this.#part("key").value.trim();
    const { digest, accept } = acceptSteps(key);
    this.#part("joined").replaceChildren(key, element("mark", {}, GUID));
    this.#part("digest").textContent = digest.replace(/(..)(?=.)/g, "$1 ");
    this.#part("computed").textContent = accept;
    const equal = accept === this.#received;
    this.#part("match").textContent = equal ? "They match." : "They differ.";
    this.#part("match").dataset.equal = equal;
  }
}
