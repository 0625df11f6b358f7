import { copyable } from "../common/copyable.js";
import { subprotocolListError } from "../common/subprotocols.js";
import { tabs } from "../common/tabs.js";
import { snippets } from "./snippets.js";

/** Clients for the address in Talk, in a tab for each language. */
export class ClientCode {
  #talk;
  #place;
  #problem;
  #shown = null; // what the code is for

  /**
   * @param {HTMLElement} panel
   * @param {import("../talk/summary.js").Summary} talk
   */
  constructor(panel, talk) {
    this.#talk = talk;
    this.#place = panel.querySelector("#learn-code");
    this.#problem = panel.querySelector("#learn-code-problem");
  }

  /** Show the code for the address that Talk has now. If it is the same, the chosen tab stays. */
  show() {
    const { target } = this.#talk;
    const wanted = JSON.stringify(target);
    if (wanted === this.#shown) return;
    this.#shown = wanted;
    const problem = problemOf(target);
    this.#problem.textContent = problem;
    this.#place.replaceChildren(...(problem ? [] : [clients(target)]));
  }
}

function problemOf(target) {
  if (!target) return "The address in Talk is not valid, so there is no code for it.";
  const error = subprotocolListError(target.protocols.join(","));
  return error && `The subprotocols in Talk are not valid, so there is no code for them. ${error}`;
}

function clients(target) {
  const blocks = Object.entries(snippets(target)).map(([client, lines]) =>
    [client, copyable(client, lines, `Copy the code for ${client}`)]);
  return tabs("Client", blocks);
}
