import { duration } from "../common/format.js";
import { BackOff } from "./backoff.js";
import { isActive, Connection } from "./connection.js";
import { History } from "./history.js";
import { encode } from "./payload.js";
import { RoundTrips } from "./roundtrips.js";
import { binaryText, closeText, textOf } from "./wording.js";

/** What the user wants and what the server does, brought together and written down. */
export class Conversation {
  #record;
  #graph;
  #controls;
  #options;
  #history;
  #addressShown;
  #connection;
  #backOff = new BackOff();
  #target = null; // of the connection, or of the last one
  #roundTrips = null; // of this connection
  #opened = false;
  #wanted = false; // by the user: a connection that is lost may be opened again
  #switching = false; // to a new connection, once this one is closed

  /** @param {object} parts of the panel: `panel`, `record`, `graph`, `controls` and `options` */
  constructor({ panel, record, graph, controls, options }) {
    this.#record = record;
    this.#graph = graph;
    this.#controls = controls;
    this.#options = options;
    this.#history = new History(panel.querySelector("#message"));
    this.#addressShown = panel.querySelector("#address");
    this.#connection = new Connection({
      opened: (negotiated) => this.#open(negotiated),
      received: (data) => this.#receive(data),
      closed: (...end) => this.#close(...end),
      changed: () => this.#show(),
    });
  }

  /** Listen to the user, and connect for the first time. */
  start() {
    this.#controls.listen({
      connect: () => this.#connect(),
      disconnect: () => this.#disconnect(),
      say: (text) => this.#say(text),
    });
    this.#options.listen({ apply: () => this.#switch() });
    this.#leaveWithPage();
    this.#connect();
  }

  // What the user does

  #connect() {
    if (isActive(this.#connection.state) || !this.#options.check()) return;
    this.#connection.abandon();
    this.#aim(this.#options.target);
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

  #say(text) {
    let data;
    try {
      data = encode(this.#options.format, text);
    } catch (error) {
      return error.message;
    }
    const clock = performance.now();
    if (!this.#connection.send(data)) return "";
    const shown = typeof data === "string" ? data : binaryText(data);
    this.#roundTrips.sent(this.#record.message("sent", shown, data, clock));
    this.#history.add(text);
    return "";
  }

  // What happens to the connection

  #open({ protocol: subprotocol, extensions }) {
    this.#opened = true;
    this.#backOff.opened();
    const { address } = this.#target;
    this.#record.event("connection open", { address, subprotocol, extensions });
  }

  #receive(data) {
    const entry = this.#record.message("received", textOf(data), data);
    const answered = this.#roundTrips.received(entry);
    if (!answered) return;
    this.#record.changed(answered);
    this.#graph.add(answered.roundTrip);
  }

  #close(code, reason, clean) {
    const { address } = this.#target;
    const known = { address, code, reason, clean, opened: this.#opened };
    this.#record.event(closeText(code, reason), known);
    for (const entry of this.#roundTrips.end()) this.#record.changed(entry);
    if (this.#switching) this.#connect();
    else if (this.#wanted && this.#options.reconnect) this.#retryLater();
  }

  // What follows from it

  #aim(target) {
    if (target.address !== this.#target?.address) this.#graph.clear(); // its times are another's
    this.#target = target;
    this.#addressShown.textContent = target.address;
  }

  #attempt() {
    this.#wanted = true;
    this.#switching = false;
    this.#opened = false;
    this.#backOff.cancel();
    this.#roundTrips = new RoundTrips(this.#target.answers);
    this.#connection.connect(this.#target.address, this.#target.protocols);
  }

  #retryLater() {
    const wait = this.#backOff.schedule(() => this.#attempt());
    this.#record.event(`connecting again in ${duration(wait)}`);
  }

  #show() {
    this.#controls.show(this.#backOff.waiting ? "waiting" : this.#connection.state);
  }

  // An open socket can keep a page out of the back/forward cache, and does not survive in it.
  #leaveWithPage() {
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
