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

/** The state and the buttons. It enables those that the connection allows. */
export class Controls {
  #state;
  #send;
  #connect;
  #disconnect;

  constructor(panel) {
    this.#state = panel.querySelector("#state");
    this.#send = panel.querySelector("#send");
    this.#connect = panel.querySelector("#connect");
    this.#disconnect = panel.querySelector("#disconnect");
  }

  /** @param {function(): void} disconnect called when the user asks for it */
  listen(disconnect) {
    this.#disconnect.addEventListener("click", () => disconnect());
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
