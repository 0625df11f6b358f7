const STATES = ["connecting", "open", "closing", "closed"]; // in the order of readyState

/** @returns {boolean} whether a connection in this state is there to be closed */
export function isActive(state) {
  return state === "connecting" || state === "open";
}

/** At most one WebSocket at a time, and only the newest one is heard. */
export class Connection {
  #address;
  #handlers;
  #socket = null;

  /**
   * @param {string} address
   * @param {object} handlers
   * @param {function(): void} handlers.opened
   * @param {function(*): void} handlers.received takes a message's data
   * @param {function(number, string): void} handlers.closed takes the code and the reason
   * @param {function(string): void} handlers.changed takes the new state, after the above
   */
  constructor(address, handlers) {
    this.#address = address;
    this.#handlers = handlers;
  }

  get state() {
    return STATES[this.#socket?.readyState ?? WebSocket.CLOSED];
  }

  /** Open a new socket, unless one is open or about to be. */
  connect() {
    if (isActive(this.state)) return;
    if (this.state === "closing") this.#abandon();
    this.#socket = new WebSocket(this.#address);
    this.#listen();
    this.#handlers.changed(this.state);
  }

  /** Start the closing handshake; `closed` follows when it is over. */
  disconnect() {
    if (!isActive(this.state)) return;
    this.#socket.close(1000);
    this.#handlers.changed(this.state);
  }

  /** @returns {boolean} whether the connection was open, so that the text could go out */
  send(text) {
    if (this.state !== "open") return false;
    this.#socket.send(text);
    return true;
  }

  #listen() {
    const socket = this.#socket;
    const { opened, received, closed, changed } = this.#handlers;
    const hear = (type, handler) =>
      socket.addEventListener(type, (event) => socket === this.#socket && handler(event));

    hear("open", () => {
      opened();
      changed(this.state);
    });
    hear("message", ({ data }) => received(data));
    hear("close", ({ code, reason }) => {
      closed(code, reason);
      changed(this.state);
    });
  }

  // A silent server keeps a socket closing for up to a minute, and nobody should have to wait
  // for that. The code is the one for a connection without a close frame (RFC 6455, 7.1.5).
  #abandon() {
    this.#socket = null;
    this.#handlers.closed(1006, "abandoned while closing");
  }
}
