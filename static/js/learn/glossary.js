import { notAllowed, unknownOptions } from "../common/link-problems.js";

/** The glossary. The panel's link leads to a term: `#learn?term=frame`. */
export class Glossary {
  #panel;
  #error;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#error = panel.querySelector("#learn-link-error");
    // A link to the address that the page already has changes nothing by itself.
    panel.addEventListener("click", ({ target }) => {
      if (target.closest(".term")?.hash === window.location.hash) go(this.#marked);
    });
  }

  /** @param {URLSearchParams} query of the link */
  follow(query) {
    const id = query.get("term");
    const term = id === null ? null : this.#panel.querySelector(`#term-${CSS.escape(id)}`);
    const problems = unknownOptions(query, ["term"]);
    if (id !== null && !term) problems.push(notAllowed("term", id, "a term of the glossary"));
    this.#error.textContent = problems.join(" ");
    this.#marked?.removeAttribute("aria-current");
    go(term);
  }

  get #marked() {
    return this.#panel.querySelector(".terms [aria-current]");
  }
}

/** @param {HTMLElement | null} term nothing happens without one */
function go(term) {
  if (!term) return;
  term.setAttribute("aria-current", "true");
  term.focus({ preventScroll: true });
  term.scrollIntoView();
}
