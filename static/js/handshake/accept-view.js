import { requestHeader, responseHeader } from "../common/inspect.js";
import { element } from "../common/element.js";
import { acceptSteps, GUID } from "./accept.js";

/** The computation of Sec-WebSocket-Accept, again at each change of the key. */
export class AcceptView {
  #part;
  #said = "";

  constructor(part) {
    this.#part = part;
    part("key").addEventListener("input", () => this.#compute());
  }

  show(report) {
    this.#part("key").value = requestHeader(report, "Sec-WebSocket-Key") ?? "";
    this.#said = responseHeader(report, "Sec-WebSocket-Accept") ?? "";
    this.#part("said").textContent = this.#said;
    this.#compute();
  }

  #compute() {
    const key = this.#part("key").value.trim();
    const { digest, accept } = acceptSteps(key);
    this.#part("joined").replaceChildren(key, element("mark", {}, GUID));
    this.#part("digest").textContent = digest.replace(/(..)(?=.)/g, "$1 ");
    this.#part("computed").textContent = accept;
    const equal = accept === this.#said;
    this.#part("match").textContent = equal ? "The same. They agree." : "Not the same.";
    this.#part("match").dataset.equal = equal;
  }
}
