const STATES = ["connecting", "open", "closing", "closed"]; // in the order of readyState

/** @returns {boolean} whether a connection in this state is there to be closed */
export function isActive(state) {
  return state === "connecting" || state === "open";
}

/**
 * At most one WebSocket at a time, and only the newest one is heard.
 *
 * It hands out events, since in Talk anything may come at any time and the user decides what
 * follows. Whoever knows what comes next awaits it with a `Client`, by promises.
 */
export class Connection {
  #handlers;
  #socket = null;

  /**
   * @param {object} handlers
   * @param {function({protocol: string, extensions: string}): void} handlers.opened takes what
   *   was negotiated
   * @param {function(*): void} handlers.received takes a message's data
   * @param {function(number, string, boolean): void} handlers.closed takes the code, the reason,
   *   and whether both sides had said goodbye
   * @param {function(): void} handlers.changed when `state` has, after the above
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get state() {
    return STATES[this.#socket?.readyState ?? WebSocket.CLOSED];
  }

  /**
   * Open a new socket, unless there is one.
   *
   * @param {string} address
   * @param {string[]} protocols subprotocols to be offered
   */
  connect(address, protocols) {
    if (this.state !== "closed") return;
    this.#socket = new WebSocket(address, protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#listen();
    this.#handlers.changed();
  }

  /** Start the closing handshake; `closed` follows when it is over. */
  disconnect() {
    if (!isActive(this.state)) return;
    this.#socket.close(1000);
    this.#handlers.changed();
  }

  /**
   * Wait no longer for the end of a closing handshake. A silent server keeps a socket closing for
   * up to a minute. The code is the one for a connection without a close frame (RFC 6455, 7.1.5).
   */
  abandon() {
    if (this.state !== "closing") return;
    this.#socket = null;
    this.#handlers.closed(1006, "abandoned while closing", false);
  }

  /** @returns {boolean} whether the connection was open, so that the data could go out */
  send(data) {
    if (this.state !== "open") return false;
    this.#socket.send(data);
    return true;
  }

  #listen() {
    const socket = this.#socket;
    const { opened, received, closed, changed } = this.#handlers;
    const hear = (type, handler) =>
      socket.addEventListener(type, (event) => socket === this.#socket && handler(event));

    hear("open", () => {
      opened(socket);
      changed();
    });
    hear("message", ({ data }) => received(data));
    hear("close", ({ code, reason, wasClean }) => {
      closed(code, reason, wasClean);
      changed();
    });
  }
}
