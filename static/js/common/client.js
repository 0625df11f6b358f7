import { webSocketAddress } from "./address.js";

/** There is no connection, and a browser does not say why. */
export class NotConnected extends Error {
  /** @param {boolean} silent whether nothing at all was answered in the time given */
  constructor(path, silent) {
    super(`no WebSocket at ${path}`);
    this.path = path;
    this.silent = silent;
  }
}

/** A plain HTTP request got no answer. */
export class Unanswered extends Error {
  constructor(path) {
    super(`no answer from ${path}`);
    this.path = path;
  }
}

/** The connection ended while something else was awaited. */
export class Ended extends Error {
  constructor({ code, reason, seconds }) {
    super(`the connection ended with code ${code}`);
    Object.assign(this, { code, reason, seconds });
  }
}

/** What was awaited did not happen in time. */
export class TimedOut extends Error {
  constructor(what, seconds) {
    super(`${what} did not come within ${seconds} s`);
    Object.assign(this, { what, seconds });
  }
}

/**
 * A WebSocket driven by promises. Every wait has an end: a time-out, the end of the
 * connection, or a signal. One wait at a time.
 *
 * Whoever uses it knows what comes next, and awaits it. Talk does not: there anything may come at
 * any time and the user decides what follows, so its `Connection` hands out events.
 */
export class Client {
  #path;
  #socket;
  #signal;
  #started = performance.now();
  #arrived = [];
  #end = null;
  #wake = () => {};

  constructor(path, protocols, signal) {
    this.#path = path;
    this.#socket = new WebSocket(webSocketAddress(path, window.location), protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#signal = signal;
    this.#listen();
  }

  /**
   * @param {string} path relative to the page, with a query if there is one
   * @param {{protocols?: string[], seconds?: number, signal?: AbortSignal}} options
   *     `seconds` for the handshake; `signal` ends the connection and every wait on it
   * @throws {NotConnected}
   */
  static async open(path, { protocols = [], seconds = 10, signal } = {}) {
    signal?.throwIfAborted();
    const client = new Client(path, protocols, signal);
    try {
      await client.#until(() => client.#socket.readyState === WebSocket.OPEN, seconds, "a 101");
    } catch (error) {
      client.leave();
      if (signal?.aborted) throw error;
      throw new NotConnected(path, error instanceof TimedOut);
    }
    return client;
  }

  /** What the browser says was agreed, such as "permessage-deflate". */
  get extensions() {
    return this.#socket.extensions;
  }

  get protocol() {
    return this.#socket.protocol;
  }

  send(data) {
    this.#socket.send(data);
  }

  /**
   * The next message, in order of arrival.
   *
   * @returns {Promise<{data: string|ArrayBuffer, at: number}>} `at` as of `performance.now()`
   * @throws {Ended|TimedOut}
   */
  next(seconds = 10) {
    return this.#until(() => this.#arrived.shift(), seconds, "a message");
  }

  /**
   * The end of the connection, whoever brings it about.
   *
   * @returns {Promise<{code: number, reason: string, clean: boolean, seconds: number}>}
   *     `seconds` since the connection was asked for
   */
  ended(seconds = 10) {
    return this.#until(() => this.#end, seconds, "the end of the connection");
  }

  /** Start to close, and wait for nothing. */
  leave() {
    this.#socket.close(); // also calls off a handshake that is under way
  }

  #listen() {
    const wake = () => this.#wake();
    this.#signal?.addEventListener("abort", wake);
    this.#socket.addEventListener("open", wake);
    this.#socket.addEventListener("message", ({ data }) => {
      this.#arrived.push({ data, at: performance.now() });
      wake();
    });
    this.#socket.addEventListener("close", ({ code, reason, wasClean }) => {
      const seconds = (performance.now() - this.#started) / 1000;
      this.#end = { code, reason, clean: wasClean, seconds };
      this.#signal?.removeEventListener("abort", wake);
      wake();
    });
  }

  /** Wait until `ready` returns something; called whenever anything happened. */
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
        else if (this.#end) settle(reject, new Ended(this.#end));
      };
      this.#wake();
    });
  }
}

/**
 * Open a connection, talk over it, and leave it however the talk ends.
 *
 * @template T
 * @param {string} path
 * @param {object} options as for `Client.open`
 * @param {function(Client): Promise<T>} talk
 * @returns {Promise<T>} what the talk returned
 */
export async function withClient(path, options, talk) {
  const client = await Client.open(path, options);
  try {
    return await talk(client);
  } finally {
    client.leave();
  }
}
