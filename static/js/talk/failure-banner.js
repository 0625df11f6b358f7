import { copyAndTell } from "../common/clipboard.js";
import { linkTo } from "../common/link.js";

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
   * @param {string} target.path of an own address
   * @param {string[]} target.protocols offered
   * @param {import("./failure-reason.js").Reason} reason
   */
  show({ address, foreign, path, protocols }, { text, isComplete }) {
    const isNews = this.#banner.hidden || this.#part("reason").textContent !== text;
    this.#part("reason").textContent = text;
    this.#part("why").href = linkTo("diagnose", { run: "", to: `/${path}` });
    this.#part("why").hidden = foreign || isComplete;
    this.#part("probe").hidden = !foreign;
    this.#part("command").textContent = foreign ? probeCommand(address, protocols) : "";
    this.#part("copied").textContent = "";
    this.#banner.hidden = false;
    // On a phone it is below the options, and they may be open.
    if (isNews) this.#banner.scrollIntoView({ block: "nearest" });
  }

  hide() {
    this.#banner.hidden = true;
  }
}

// The serialization of an address has no single quote but in its path and query.
function probeCommand(address, protocols) {
  const offers = protocols.map((name) => ` --subprotocol ${word(name)}`).join("");
  return `flask-echo probe '${address.replaceAll("'", "%27")}'${offers}`;
}

// The name of a subprotocol may have characters that a shell would interpret.
function word(name) {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
