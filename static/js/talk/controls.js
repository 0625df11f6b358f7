import { isActive } from "./connection.js";

/** A panel's text box, buttons and state, and what they allow while connected or not. */
export class Controls {
  #state;
  #message;
  #complaint;
  #send;
  #connect;
  #disconnect;

  constructor(panel) {
    this.#state = panel.querySelector("#state");
    this.#message = panel.querySelector("#message");
    this.#complaint = panel.querySelector("#complaint");
    this.#send = panel.querySelector("#send");
    this.#connect = panel.querySelector("#connect");
    this.#disconnect = panel.querySelector("#disconnect");
  }

  /**
   * Call `connect`, `disconnect` and `say` as the user asks for them. `say` takes the text and
   * returns what is wrong with it, or "".
   */
  listen({ connect, disconnect, say }) {
    this.#connect.addEventListener("click", () => connect());
    this.#disconnect.addEventListener("click", () => disconnect());
    this.#message.addEventListener("input", () => this.#complain(""));
    this.#message.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#complain(say(this.#message.value));
      this.#message.focus();
      this.#message.select(); // typing replaces what was said
    });
  }

  /** @param {string} state of the connection, or "waiting" for the next attempt to connect */
  show(state) {
    this.#showState(state);
    this.#send.disabled = state !== "open";
    this.#connect.disabled = isActive(state);
    this.#disconnect.disabled = !isActive(state) && state !== "waiting";
    this.#keepFocus();
  }

  showUnsupported() {
    this.#showState("not supported");
    this.#message.disabled = true;
  }

  #complain(complaint) {
    this.#complaint.textContent = complaint;
    if (complaint) {
      this.#message.setAttribute("aria-invalid", "true");
      this.#message.setAttribute("aria-describedby", this.#complaint.id);
    } else {
      this.#message.removeAttribute("aria-invalid");
      this.#message.removeAttribute("aria-describedby");
    }
  }

  #showState(state) {
    this.#state.textContent = state;
    this.#state.dataset.state = state;
  }

  // A button loses the focus when it is disabled, and the keyboard would be back at the top.
  #keepFocus() {
    if (!document.activeElement?.disabled) return;
    (this.#connect.disabled ? this.#disconnect : this.#connect).focus();
  }
}
