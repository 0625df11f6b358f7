const STATES = ["connecting", "open", "closing", "closed"]; // in the order of readyState

/** @returns {boolean} whether a connection in this state can be closed */
export function isActive(state) {
  return state === "connecting" || state === "open";
}

/**
 * At most one WebSocket at a time. Events of an older socket are ignored.
 *
 * It calls handlers, because in Talk any message can come at any time. Code that knows what comes
 * next awaits it with a `Client` instead.
 */
export class Connection {
  #handlers;
  #socket = null;

  /**
   * @param {object} handlers
   * @param {function({protocol: string, extensions: string}): void} handlers.opened takes the
   *     negotiated subprotocol and extensions
   * @param {function(*): void} handlers.received takes the data of a message
   * @param {function({code: number, reason: string, clean: boolean}): void} handlers.closed takes
   *     the end of the connection; `clean` if the closing handshake was complete, and `abandoned`
   *     after `abandon()`
   * @param {function(): void} handlers.changed called after the others, when `state` has changed
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get state() {
    return STATES[this.#socket?.readyState ?? WebSocket.CLOSED];
  }

  /**
   * Open a new socket, unless one is open.
   *
   * @param {string} address
   * @param {string[]} protocols offered subprotocols
   */
  connect(address, protocols) {
    if (this.state !== "closed") return;
    try {
      this.#socket = new WebSocket(address, protocols);
    } catch (error) {
      return this.#refuse(error); // The browser does not even try.
    }
    this.#socket.binaryType = "arraybuffer";
    this.#listen();
    this.#handlers.changed();
  }

  /** Start the closing handshake; `closed` is called when it is over. */
  disconnect() {
    if (!isActive(this.state)) return;
    this.#socket.close(1000);
    this.#handlers.changed();
  }

  /**
   * Stop waiting for the end of a closing handshake. With a silent server, browsers wait for up to
   * a minute. The code is the one for no Close frame (RFC 6455, section 7.1.5).
   */
  abandon() {
    if (this.state !== "closing") return;
    this.#socket = null;
    this.#handlers.closed({ code: 1006, reason: "", clean: false, abandoned: true });
  }

  /** @returns {boolean} whether the connection was open, so that the data was sent */
  send(data) {
    if (this.state !== "open") return false;
    this.#socket.send(data);
    return true;
  }

  #refuse({ message }) {
    this.#socket = null;
    this.#handlers.closed({ code: 1006, reason: message, clean: false });
    this.#handlers.changed();
  }

  #listen() {
    const socket = this.#socket;
    const { opened, received, closed, changed } = this.#handlers;
    const on = (type, handler) =>
      socket.addEventListener(type, (event) => socket === this.#socket && handler(event));

    on("open", () => {
      opened(socket);
      changed();
    });
    on("message", ({ data }) => received(data));
    on("close", ({ code, reason, wasClean }) => {
      closed({ code, reason, clean: wasClean });
      changed();
    });
  }
}
