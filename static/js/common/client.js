import { webSocketAddress } from "./address.js";
import { Attempt } from "./attempt.js";
import { newTraceId, withTrace } from "./trace.js";

/** The connection did not open. Browsers do not tell scripts why. */
export class NotConnected extends Error {
  /**
   * @param {string} path
   * @param {boolean} timedOut whether there was no response at all in the given time
   */
  constructor(path, timedOut) {
    super(`no WebSocket at ${path}`);
    Object.assign(this, { path, timedOut });
  }
}

/** A plain HTTP request got no response. */
export class NoHttpResponse extends Error {
  constructor(path) {
    super(`no HTTP response from ${path}`);
    this.path = path;
  }
}

/** The connection ended during a wait for something else. */
export class Ended extends Error {
  /**
   * @param {{code: number, reason: string, seconds: number}} end as `ended` returns it
   * @param {Attempt} attempt knows the server's end
   */
  constructor({ code, reason, seconds }, attempt) {
    super(`the connection ended with code ${code}`);
    Object.assign(this, { code, reason, seconds, attempt });
  }
}

/** A wait took too long. */
export class TimedOut extends Error {
  /**
   * @param {string} what a noun, such as "message"
   * @param {number} seconds
   */
  constructor(what, seconds) {
    super(`no ${what} arrived within ${seconds} s`);
    Object.assign(this, { what, seconds });
  }
}

/**
 * A WebSocket with promises, for code that knows what comes next and awaits it. Every wait ends: by
 * a time-out, with the connection, or by a signal. One wait at a time.
 *
 * Talk uses its `Connection` with handlers instead, because there any message can come at any time.
 */
export class Client {
  #attempt;
  #socket;
  #signal;
  #started = performance.now();
  #received = [];
  #end = null;
  #wake = () => {};

  constructor(path, trace, protocols, signal) {
    this.#attempt = new Attempt(trace);
    const address = webSocketAddress(withTrace(path, trace), window.location);
    this.#socket = new WebSocket(address, protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#signal = signal;
    this.#listen();
  }

  /**
   * @param {string} path relative to the page, with its query
   * @param {{protocols?: string[], seconds?: number, signal?: AbortSignal, trace?: string}} options
   *     `seconds` for the handshake; `signal` ends the connection and every wait on it; `trace` is
   *     the ID of its trace
   * @throws {NotConnected}
   */
  static async open(path, options = {}) {
    const { protocols = [], seconds = 10, signal, trace = newTraceId() } = options;
    signal?.throwIfAborted();
    const client = new Client(path, trace, protocols, signal);
    const isOpen = () => client.#socket.readyState === WebSocket.OPEN;
    try {
      await client.#until(isOpen, seconds, "handshake response");
    } catch (error) {
      client.close();
      if (signal?.aborted) throw error;
      throw new NotConnected(path, error instanceof TimedOut);
    }
    return client;
  }

  /** The negotiated extensions as the browser reports them, such as "permessage-deflate". */
  get extensions() {
    return this.#socket.extensions;
  }

  /** The negotiated subprotocol, or "". */
  get protocol() {
    return this.#socket.protocol;
  }

  send(data) {
    this.#socket.send(data);
  }

  /**
   * Wait for the next message, in order of arrival.
   *
   * @returns {Promise<{data: string|ArrayBuffer, at: number}>} `at` as of `performance.now()`
   * @throws {Ended|TimedOut}
   */
  next(seconds = 10) {
    return this.#until(() => this.#received.shift(), seconds, "message");
  }

  /**
   * Wait for the end of the connection, whichever side causes it.
   *
   * @returns {Promise<{code: number, reason: string, seconds: number}>} `seconds` since the start
   *     of the handshake
   * @throws {TimedOut}
   */
  ended(seconds = 10) {
    return this.#until(() => this.#end, seconds, "close");
  }

  /** Start to close the connection or cancel its handshake, without a wait for the end. */
  close() {
    this.#socket.close();
  }

  #listen() {
    const wake = () => this.#wake();
    this.#signal?.addEventListener("abort", wake);
    this.#socket.addEventListener("open", () => {
      this.#attempt.opened();
      wake();
    });
    this.#socket.addEventListener("message", ({ data }) => {
      this.#received.push({ data, at: performance.now() });
      wake();
    });
    this.#socket.addEventListener("close", ({ code, reason }) => {
      const seconds = (performance.now() - this.#started) / 1000;
      this.#end = { code, reason, seconds };
      this.#attempt.closed();
      this.#signal?.removeEventListener("abort", wake);
      wake();
    });
  }

  /** Wait until `ready` returns a value; it is called after each event. */
  #until(ready, seconds, what) {
    return new Promise((resolve, reject) => {
      const settle = (done, value) => {
        clearTimeout(timer);
        this.#wake = () => {};
        done(value);
      };
      const timeOut = () => settle(reject, new TimedOut(what, seconds));
      const timer = setTimeout(timeOut, seconds * 1000);
      this.#wake = () => {
        const value = ready();
        if (this.#signal?.aborted) settle(reject, this.#signal.reason);
        else if (value) settle(resolve, value);
        else if (this.#end) settle(reject, new Ended(this.#end, this.#attempt));
      };
      this.#wake();
    });
  }
}

/**
 * @param {string} path
 * @param {object} options as for `Client.open`
 * @returns {Promise<boolean>} whether a connection opens there; it is closed again
 */
export async function opens(path, options) {
  try {
    (await Client.open(path, options)).close();
    return true;
  } catch (error) {
    if (error instanceof NotConnected) return false;
    throw error;
  }
}

/**
 * Open a connection, use it, and close it however the use ends.
 *
 * @template T
 * @param {string} path
 * @param {object} options as for `Client.open`
 * @param {function(Client): Promise<T>} use
 * @returns {Promise<T>} the result of `use`
 */
export async function withClient(path, options, use) {
  const client = await Client.open(path, options);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
