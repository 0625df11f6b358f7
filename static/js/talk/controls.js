import { isActive } from "./connection.js";

// What the user reads for each state of the connection.
const STATE_NAMES = {
  idle: "Not connected",
  connecting: "Connecting",
  open: "Open",
  closing: "Closing",
  closed: "Closed",
  waiting: "Reconnecting soon",
  unsupported: "Not supported",
};

/** The text box, the buttons and the state, which enable what the connection allows. */
export class Controls {
  #state;
  #message;
  #error;
  #send;
  #connect;
  #disconnect;

  constructor(panel) {
    this.#state = panel.querySelector("#state");
    this.#message = panel.querySelector("#message");
    this.#error = panel.querySelector("#message-error");
    this.#send = panel.querySelector("#send");
    this.#connect = panel.querySelector("#connect");
    this.#disconnect = panel.querySelector("#disconnect");
  }

  /**
   * @param {object} handlers called when the user asks for it
   * @param {function(): void} handlers.disconnect
   * @param {function(string): {sent: boolean, error: string}} handlers.send takes the text
   */
  listen({ disconnect, send }) {
    this.#disconnect.addEventListener("click", () => disconnect());
    this.#message.addEventListener("input", () => this.#showError(""));
    this.#message.addEventListener("keydown", ignoreEnterWhenEmpty);
    this.#message.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(send);
    });
  }

  /**
   * @param {string} state of the connection: "idle" before the first one and after a failed
   *     attempt, "waiting" between two attempts
   * @param {boolean} changed whether the user has changed the address or the offered subprotocols
   *     since the last attempt
   */
  show(state, changed) {
    this.#showState(state);
    this.#send.disabled = state !== "open";
    this.#connect.disabled = isActive(state) && !changed;
    this.#connect.textContent = isActive(state) && changed ? "Apply and connect" : "Connect";
    this.#disconnect.disabled = !isActive(state) && state !== "waiting";
    this.#keepFocus();
  }

  showUnsupported() {
    this.#showState("unsupported");
    this.#message.disabled = true;
  }

  // Sending comes last: the focus makes the browser compute its layout, and the reply would have to
  // wait for that.
  #submit(send) {
    const text = this.#message.value;
    this.#message.value = "";
    this.#message.focus();
    const { sent, error } = send(text);
    if (!sent) this.#message.value = text;
    this.#showError(error);
  }

  #showError(error) {
    if (this.#error.textContent === error) return;
    this.#error.textContent = error;
    if (error) {
      this.#message.setAttribute("aria-invalid", "true");
      this.#message.setAttribute("aria-describedby", this.#error.id);
    } else {
      this.#message.removeAttribute("aria-invalid");
      this.#message.removeAttribute("aria-describedby");
    }
  }

  #showState(state) {
    this.#state.textContent = STATE_NAMES[state];
    this.#state.dataset.state = state;
  }

  // A button that becomes disabled loses the focus, and Tab would start at the top of the page.
  #keepFocus() {
    if (!document.activeElement?.disabled) return;
    (this.#connect.disabled ? this.#disconnect : this.#connect).focus();
  }
}

// Enter is pressed by mistake. The button sends an empty message.
function ignoreEnterWhenEmpty(event) {
  if (event.key === "Enter" && event.target.value === "") event.preventDefault();
}
