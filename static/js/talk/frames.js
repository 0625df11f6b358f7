import { missingText } from "../common/trace-text.js";
import { readTrace } from "../common/trace.js";
import { Messages } from "./frame-messages.js";
import { FramePane } from "./frame-pane.js";
import { FrameTable, SIDES } from "./frame-table.js";
import { load, store } from "./storage.js";

const STORAGE_KEY = "websockets-demo.frames";

const PERIOD_MS = 1_000; // the server stores a trace as often
const END_PERIOD_MS = 250;
const END_PATIENCE_MS = 3_000; // for the server to notice the end
const KEPT_FRAMES = 100; // of each direction; see docs/traces.md

/**
 * The fold with the frames of the current connection, or of the last one, as the server saw them.
 * It asks the server only while someone can see it.
 */
export class Frames {
  #panel;
  #fold;
  #note;
  #limit;
  #hint;
  #table;
  #pane;
  #connection = null; // {trace, endedAt, counts, messages, complete}
  #reading = false;
  #timer = null;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#fold = panel.querySelector("#frames");
    this.#note = panel.querySelector("#frames-note");
    this.#limit = panel.querySelector("#frames-limit");
    this.#hint = panel.querySelector("#frames-hint");
    this.#pane = new FramePane(panel.querySelector("#frame"));
    this.#table = new FrameTable(panel.querySelector("#frames-table"), (row) => this.#show(row));
    this.#fold.open = load(STORAGE_KEY).open === true;
    this.#fold.addEventListener("toggle", () => {
      store(STORAGE_KEY, { open: this.#fold.open });
      this.#update();
    });
    document.addEventListener("visibilitychange", () => this.#update());
    new MutationObserver(() => this.#update())
      .observe(panel, { attributes: true, attributeFilter: ["hidden"] });
  }

  /** @param {string | null} trace ID of the connection that has just opened; null without one */
  opened(trace) {
    if (trace === null) return this.#leaveOut();
    const counts = { received: 0, sent: 0 };
    const messages = { received: new Messages(), sent: new Messages() };
    this.#connection = { trace, endedAt: null, counts, messages, complete: false };
    this.#table.clear();
    this.#show(null);
    setText(this.#note, "Reading the trace of this connection.");
    setText(this.#limit, "");
    this.#update();
  }

  // The frames of another server's connection cannot be seen from here.
  #leaveOut() {
    clearTimeout(this.#timer);
    this.#connection = null;
    this.#table.clear();
    this.#show(null);
    setText(this.#note, "Only the server sees frames, and this connection is to another server. "
      + "The developer tools of your browser show its messages.");
    setText(this.#limit, "");
  }

  /** The connection has ended. */
  closed() {
    if (!this.#connection || this.#connection.endedAt !== null) return;
    this.#connection.endedAt = performance.now();
    this.#update();
  }

  get #isWatched() {
    return this.#fold.open && !this.#panel.hidden && !document.hidden;
  }

  // Read now if there is anything to see, and stop waiting otherwise.
  #update() {
    clearTimeout(this.#timer);
    if (this.#isWatched && this.#connection && !this.#connection.complete) this.#read();
  }

  async #read() {
    if (this.#reading) return;
    this.#reading = true;
    const connection = this.#connection;
    const trace = await readTrace(connection.trace);
    this.#reading = false;
    if (connection !== this.#connection) return this.#update();
    this.#showTrace(trace);
    this.#readLater(trace);
  }

  #readLater({ state }) {
    const { complete, endedAt } = this.#connection;
    const isOver = endedAt !== null && performance.now() - endedAt > END_PATIENCE_MS;
    if (complete || isOver || state === "off" || !this.#isWatched) return;
    const wait = endedAt === null ? PERIOD_MS : END_PERIOD_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#update(), wait);
  }

  #showTrace(trace) {
    if (trace.state !== "found") return setText(this.#note, missingText(trace));
    const attempt = trace.attempts.at(-1);
    this.#connection.complete = attempt.outcome !== "open";
    this.#append(attempt);
    setText(this.#note, noteOf(attempt));
    setText(this.#limit, limitText(this.#connection.counts));
  }

  #append({ at, frames = [] }) {
    const { counts, messages } = this.#connection;
    const seen = { received: 0, sent: 0 };
    const added = frames.filter(({ direction }) => {
      seen[direction] += 1;
      return seen[direction] > counts[direction];
    });
    const first = this.#table.count + 1;
    this.#table.append(added.map((frame, index) => {
      counts[frame.direction] += 1;
      const message = messages[frame.direction].next(frame);
      return { number: first + index, frame, seconds: frame.at - at, ...message };
    }));
    this.#updateHint();
  }

  #show(row) {
    this.#pane.show(row);
    this.#updateHint();
  }

  #updateHint() {
    this.#hint.hidden = this.#pane.isShown || this.#table.count === 0;
  }
}

function noteOf({ frames = [], messages, outcome }) {
  const count = (messages?.received ?? 0) + (messages?.sent ?? 0);
  if (frames.length === 0 && count > 0) {
    return "The server keeps no frames of this connection, to leave room for other traces.";
  }
  if (outcome === "open") return "The connection is open. This table is up to a second behind.";
  return "The connection has ended. These are its frames.";
}

function limitText(counts) {
  const full = Object.keys(SIDES).filter((direction) => counts[direction] >= KEPT_FRAMES);
  if (full.length === 0) return "";
  const sides = full.map((direction) => SIDES[direction]).join(" and ");
  return `The trace keeps the first ${KEPT_FRAMES} frames of each direction. Later frames `
    + `${sides} are not shown.`;
}

// Writing the same text again would make a screen reader say it again.
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
