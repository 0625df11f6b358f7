import { formatSeconds } from "../common/format.js";
import { newTraceId, withTrace } from "../common/trace.js";
import { BackOff } from "./backoff.js";
import { closeText } from "./close-codes.js";
import { isActive, Connection } from "./connection.js";
import { InputHistory } from "./input-history.js";
import { Attempt } from "../common/attempt.js";
import { binarySummary, displayText, encode } from "./payload.js";
import { RoundTrips } from "./round-trips.js";

/** Connects the user's actions with the server's, and records both. */
export class Conversation {
  #record;
  #chart;
  #controls;
  #options;
  #frames;
  #history;
  #address;
  #connection;
  #backOff = new BackOff();
  #target = null; // of the current connection, or of the last one
  #roundTrips = null; // of the current connection
  #current = null; // the current attempt to connect, or the last one
  #opened = false; // the current connection has been open
  #wanted = false; // the user wants a connection, so a lost one may be opened again
  #switching = false; // connect to a new target once this connection is closed

  /** @param {object} parts `panel`, `record`, `chart`, `controls`, `options` and `frames` */
  constructor({ panel, record, chart, controls, options, frames }) {
    this.#record = record;
    this.#chart = chart;
    this.#controls = controls;
    this.#options = options;
    this.#frames = frames;
    this.#history = new InputHistory(panel.querySelector("#message"));
    this.#address = panel.querySelector("#address");
    this.#connection = new Connection({
      opened: (negotiated) => this.#open(negotiated),
      received: (data) => this.#receive(data),
      closed: (end) => this.#close(end),
      changed: () => this.#show(),
    });
  }

  /** Listen to the user, and connect for the first time. */
  start() {
    this.#controls.listen({
      connect: () => this.#connect(),
      disconnect: () => this.#disconnect(),
      send: (text) => this.#send(text),
    });
    this.#options.listen({ apply: () => this.#switch() });
    this.#listenForPageChange();
    this.#connect();
  }

  // Actions of the user

  #connect() {
    if (isActive(this.#connection.state) || !this.#options.check()) return;
    this.#connection.abandon();
    this.#setTarget(this.#options.target);
    this.#attempt();
  }

  #disconnect() {
    this.#wanted = false;
    this.#switching = false;
    this.#backOff.cancel();
    this.#connection.disconnect();
    this.#show();
  }

  #switch() {
    if (!this.#options.check()) return;
    if (!isActive(this.#connection.state)) return this.#connect();
    this.#disconnect();
    this.#switching = true;
  }

  #send(text) {
    let data;
    try {
      data = encode(this.#options.format, text);
    } catch (error) {
      return error.message;
    }
    const clock = performance.now();
    if (!this.#connection.send(data)) return "";
    const shown = typeof data === "string" ? data : binarySummary(data);
    this.#roundTrips.sent(this.#record.message("sent", shown, data, clock));
    this.#history.add(text);
    return "";
  }

  // Events of the connection

  #open({ protocol: subprotocol, extensions }) {
    this.#opened = true;
    this.#current.opened();
    this.#frames.opened(this.#current.trace);
    this.#backOff.opened();
    const { address } = this.#target;
    this.#record.status("connection open", { address, subprotocol, extensions });
  }

  #receive(data) {
    const entry = this.#record.message("received", displayText(data), data);
    const sent = this.#roundTrips.received(entry);
    if (!sent) return;
    this.#record.changed(sent);
    this.#chart.add(sent.roundTrip);
  }

  #close(end) {
    this.#current.closed();
    this.#frames.closed();
    const opened = this.#opened;
    const cancelled = !opened && !this.#wanted;
    const details = { address: this.#target.address, ...end, opened, cancelled };
    this.#record.status(closeText(details), details);
    for (const entry of this.#roundTrips.end()) this.#record.changed(entry);
    this.#askServer(details);
    if (this.#switching) this.#connect();
    else if (this.#wanted && this.#options.reconnect) this.#reconnectLater();
  }

  // The browser does not say why an attempt failed, or why a connection was lost. The server may.
  async #askServer({ address, code, opened, cancelled, abandoned }) {
    const attempt = this.#current;
    let text = null;
    if (opened && code === 1006 && !abandoned) text = await attempt.bothEnds();
    else if (!opened && !cancelled) text = await attempt.refusal();
    const about = attempt === this.#current ? "" : "An earlier connection: ";
    if (text) this.#record.status(about + text, { address });
  }

  // Steps of both

  #setTarget(target) {
    if (target.address !== this.#target?.address) this.#chart.clear(); // not comparable
    this.#target = target;
    this.#address.textContent = target.address;
  }

  #attempt() {
    this.#wanted = true;
    this.#switching = false;
    this.#opened = false;
    this.#backOff.cancel();
    this.#roundTrips = new RoundTrips(this.#target.isReply);
    // Only the WebSocket gets the trace: the shown address is the one to copy.
    const trace = newTraceId();
    this.#current = new Attempt(trace);
    this.#connection.connect(withTrace(this.#target.address, trace), this.#target.protocols);
  }

  #reconnectLater() {
    const wait = this.#backOff.schedule(() => this.#attempt());
    this.#record.status(`reconnecting in ${formatSeconds(wait)}`);
  }

  #show() {
    this.#controls.show(this.#backOff.waiting ? "waiting" : this.#connection.state);
  }

  // An open socket can keep a page out of the back/forward cache and does not survive in it.
  #listenForPageChange() {
    let resume = false;
    window.addEventListener("pagehide", () => {
      resume = isActive(this.#connection.state) || this.#backOff.waiting;
      this.#disconnect();
    });
    window.addEventListener("pageshow", ({ persisted }) => {
      if (persisted && resume) this.#connect();
    });
  }
}
