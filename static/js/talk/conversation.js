import { Attempt } from "../common/attempt.js";
import { closeLine, closeText } from "../common/close-codes.js";
import { formatSeconds } from "../common/format.js";
import { writeLink } from "../common/link.js";
import { newTraceId, withTrace } from "../common/trace.js";
import { BackOff } from "./backoff.js";
import { isActive, Connection } from "./connection.js";
import { FailureInquiry } from "./failure-inquiry.js";
import { binarySummary, displayText, encode } from "./payload.js";
import { RoundTrips } from "./round-trips.js";

const OTHER_SERVER = "This is another server. Press Connect to open it.";

/** Connects the user's actions with the server's, and records both. */
export class Conversation {
  #parts;
  #note;
  #connection;
  #backOff = new BackOff();
  #target = null; // of the current connection, or of the last one
  #roundTrips = null; // of the current connection
  #inquiry = null; // into the failures since the last connection, or since the user's action
  #current = null; // the current attempt to connect, or the last one
  #startedAt = 0; // when it began, of performance.now()
  #opened = false; // the current connection has been open
  #wanted = false; // the user wants a connection, so a lost one may be opened again
  #switching = false; // connect to a new target once this connection is closed

  /**
   * @param {object} parts `panel`, `record`, `chart`, `controls`, `box`, `options`, `drawing`,
   *     `frames`, `banner` and `opening`
   */
  constructor(parts) {
    this.#parts = parts;
    this.#note = parts.panel.querySelector("#address-note");
    this.#connection = new Connection({
      opened: (negotiated) => this.#open(negotiated),
      received: (data) => this.#receive(data),
      closed: (end) => this.#close(end),
      changed: () => this.#show(),
    });
  }

  /** Listen to the user, and connect for the first time, but not to another server. */
  start() {
    const { controls, options, box } = this.#parts;
    controls.listen(() => this.#disconnect());
    box.listen((text) => this.#send(text));
    options.listen({ apply: () => this.#apply(), changed: () => this.#showChange() });
    this.#listenForPageChange();
    this.follow();
  }

  /** Use the options of a link that has just been followed. */
  follow() {
    const { options } = this.#parts;
    if (options.target?.foreign !== false) this.#show();
    else if (options.check()) this.#switch();
  }

  // Actions of the user

  #apply() {
    const { options, panel } = this.#parts;
    this.#switch();
    options.makeRoom();
    panel.querySelector("#connection").scrollIntoView({ block: "nearest" });
  }

  #connect() {
    const { options, banner } = this.#parts;
    this.#connection.abandon();
    banner.hide();
    this.#setTarget(options.target);
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
    if (!isActive(this.#connection.state)) return this.#connect();
    this.#disconnect();
    this.#switching = true;
  }

  #send(text) {
    const { record, options, drawing, chart } = this.#parts;
    let data;
    try {
      data = encode(options.format, text);
    } catch (error) {
      return { sent: false, error: error.message };
    }
    const clock = performance.now();
    if (!this.#connection.send(data)) return { sent: false, error: "" };
    drawing.hold();
    const shown = typeof data === "string" ? data : binarySummary(data);
    this.#roundTrips.sent(record.message("sent", shown, data, clock));
    chart.expect(this.#target.isSure);
    return { sent: true, error: "" };
  }

  // Events of the connection

  #open({ protocol: subprotocol, extensions }) {
    const { frames, record, banner, opening } = this.#parts;
    this.#opened = true;
    this.#inquiry = new FailureInquiry(this.#target);
    this.#current?.opened();
    const trace = this.#current?.trace ?? null;
    frames.opened(trace);
    this.#backOff.opened();
    banner.hide();
    const milliseconds = performance.now() - this.#startedAt;
    opening.show({ milliseconds, subprotocol, extensions });
    const { address, foreign } = this.#target;
    const negotiated = { subprotocol, extensions };
    record.status("connection open", { address, foreign, milliseconds, ...negotiated, trace });
  }

  #receive(data) {
    const clock = performance.now();
    const { record, chart, drawing } = this.#parts;
    const entry = record.message("received", displayText(data), data, clock);
    const sent = this.#roundTrips.received(entry);
    if (sent) {
      record.changed(sent);
      chart.add(sent.roundTrip);
    }
    if (!this.#roundTrips.isWaiting) drawing.release();
  }

  #close(end) {
    const { frames, record, options } = this.#parts;
    this.#current?.closed();
    frames.closed();
    const details = this.#endOf(end);
    record.status(closeText(details), { ...details, log: closeLine(details) });
    for (const entry of this.#roundTrips.end()) record.changed(entry);
    this.#explain(details);
    if (this.#switching) this.#connect();
    else if (this.#wanted && options.reconnect) this.#reconnectLater();
  }

  #endOf(end) {
    const { address, foreign } = this.#target;
    const opened = this.#opened;
    return { address, foreign, ...end, opened, cancelled: !opened && !this.#wanted };
  }

  // The browser does not say why an attempt failed, or why a connection was lost. The server may.
  #explain({ code, reason, opened, cancelled, abandoned }) {
    if (!opened && !cancelled) this.#explainFailure(reason);
    else if (opened && code === 1006 && !abandoned) this.#explainLoss();
  }

  async #explainFailure(told) {
    const [attempt, inquiry, target] = [this.#current, this.#inquiry, this.#target];
    const { banner, opening } = this.#parts;
    opening.clear();
    banner.show(target, told ? { text: told, isComplete: false } : inquiry.reason);
    if (told || !attempt) return; // The browser sent nothing, or another server keeps no traces.
    const found = await inquiry.find(attempt);
    if (!found) return;
    this.#tell(attempt, found.text, target.address);
    if (inquiry === this.#inquiry) banner.show(target, found);
  }

  async #explainLoss() {
    const attempt = this.#current;
    const { address } = this.#target;
    if (attempt) this.#tell(attempt, await attempt.bothEnds(), address);
  }

  #tell(attempt, text, address) {
    const about = attempt === this.#current ? "" : "An earlier connection: ";
    this.#parts.record.status(about + text, { address });
  }

  // Steps of both

  #setTarget(target) {
    const { chart, options, opening } = this.#parts;
    if (target.address !== this.#target?.address) chart.clear(); // not comparable
    opening.offerMore(!target.foreign);
    this.#target = target;
    this.#inquiry = new FailureInquiry(target);
    writeLink("talk", options.link);
  }

  #attempt() {
    this.#wanted = true;
    this.#switching = false;
    this.#opened = false;
    this.#backOff.cancel();
    const { address, foreign, protocols } = this.#target;
    this.#roundTrips = new RoundTrips(this.#target);
    this.#parts.record.status(`connecting to ${address}`, { log: null });
    // Only this service keeps traces. The shown address is without it: it is the one to copy.
    this.#current = foreign ? null : new Attempt(newTraceId());
    const traced = foreign ? address : withTrace(address, this.#current.trace);
    this.#startedAt = performance.now();
    this.#connection.connect(traced, protocols);
  }

  #reconnectLater() {
    const wait = this.#backOff.schedule(() => this.#attempt());
    this.#parts.record.status(`reconnecting in ${formatSeconds(wait)}`);
  }

  #show() {
    const { controls } = this.#parts;
    controls.show(this.#state, this.#isChanged);
    this.#showNote();
  }

  #showChange() {
    this.#show();
    writeLink("talk", this.#parts.options.link);
  }

  get #state() {
    if (this.#backOff.waiting) return "waiting";
    const { state } = this.#connection;
    return state === "closed" && !this.#opened ? "idle" : state;
  }

  // Options that take effect with the next connection.
  get #isChanged() {
    const { target } = this.#parts.options;
    if (!this.#target) return true;
    return target?.address !== this.#target.address
      || String(target.protocols) !== String(this.#target.protocols);
  }

  #showNote() {
    const text = this.#noteText();
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }

  #noteText() {
    const { target } = this.#parts.options;
    if (!this.#target) return target?.foreign ? OTHER_SERVER : "";
    if (!isActive(this.#connection.state) || !this.#isChanged) return "";
    return `Not applied yet. Still connected to ${this.#target.address}.`;
  }

  // An open socket can keep a page out of the back/forward cache and does not survive in it.
  #listenForPageChange() {
    let resume = false;
    window.addEventListener("pagehide", () => {
      resume = isActive(this.#connection.state) || this.#backOff.waiting;
      this.#disconnect();
    });
    window.addEventListener("pageshow", ({ persisted }) => {
      if (persisted && resume && this.#parts.options.check()) this.#connect();
    });
  }
}
