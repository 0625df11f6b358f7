import { isActive } from "./connection.js";

/** A panel's text box, buttons and state, and what they allow while connected or not. */
export class Controls {
  #state;
  #message;
  #send;
  #connect;
  #disconnect;

  constructor(panel) {
    this.#state = panel.querySelector("#state");
    this.#message = panel.querySelector("#message");
    this.#send = panel.querySelector("#send");
    this.#connect = panel.querySelector("#connect");
    this.#disconnect = panel.querySelector("#disconnect");
  }

  /** Call `connect`, `disconnect` and `say`, which takes the text, as the user asks for them. */
  listen({ connect, disconnect, say }) {
    this.#connect.addEventListener("click", () => connect());
    this.#disconnect.addEventListener("click", () => disconnect());
    this.#message.form.addEventListener("submit", (event) => {
      event.preventDefault();
      say(this.#message.value);
      this.#message.focus();
      this.#message.select(); // typing replaces what was said
    });
  }

  show(state) {
    this.#showState(state);
    this.#send.disabled = state !== "open";
    this.#connect.disabled = isActive(state);
    this.#disconnect.disabled = !isActive(state);
    this.#keepFocus();
  }

  showUnsupported() {
    this.#showState("not supported");
    this.#message.disabled = true;
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
