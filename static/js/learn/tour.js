import { explainClose } from "../common/close-codes.js";
import { descriptions } from "../common/element.js";
import { isOffered } from "../common/features.js";
import { formatCount, formatDuration, formatTime } from "../common/format.js";
import { EXAMPLE, frameFacts } from "./frame-facts.js";
import { findSentFrame } from "./sent-frame.js";

const LONGEST = 80; // characters of a message that are shown

const NO_CONNECTION = "Talk has had no connection yet.";
const EXAMPLE_NOTE = "This is the example “Hello” of RFC 6455, section 5.7:";
const SEARCH_NOTE = "This page is asking the server for the frame of that message.";
const NO_TRACES = "This server keeps no traces, so this page cannot show your frames.";
const SENT_NOTE = "This is the first frame of that message, as the server saw it:";

/** The tour, with the facts of the visitor's own connection in Talk. */
export class Tour {
  #talk;
  #part;
  #frameOf = null; // the message whose frame is shown or looked for
  #isFound = false; // its frame is shown
  #search = null; // AbortController

  /**
   * @param {HTMLElement} panel
   * @param {import("../talk/summary.js").Summary} talk
   */
  constructor(panel, talk) {
    this.#talk = talk;
    this.#part = (name) => panel.querySelector(`#learn-${name}`);
  }

  /** The visitor comes to the tour: the trace may have more than at the last visit. */
  visit() {
    if (!this.#isFound) this.#frameOf = null;
    this.update();
  }

  /** Show the facts of this moment. */
  update() {
    const { facts } = this.#talk;
    this.#part("connection").textContent = connectionText(facts);
    this.#part("no-opening").hidden = facts.opening !== null;
    this.#part("opening").replaceChildren(...openingFacts(facts));
    this.#part("messages").textContent = messagesText(facts);
    this.#part("end").textContent = endText(facts);
    this.#updateFrame(facts);
  }

  #updateFrame({ opening, sent, sentCount }) {
    const reason = whyNoFrame(opening, sent);
    if (sent === this.#frameOf && !reason) return;
    this.#search?.abort();
    this.#frameOf = sent;
    this.#isFound = false;
    this.#showExample(reason || SEARCH_NOTE);
    if (!reason) this.#find(opening.trace, sentCount);
  }

  async #find(trace, number) {
    this.#search = new AbortController();
    const { signal } = this.#search;
    try {
      const { frame, reason } = await findSentFrame(trace, number, signal);
      if (signal.aborted) return;
      this.#isFound = frame !== undefined;
      if (frame) this.#showFrame(frame, SENT_NOTE);
      else this.#showExample(reason);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #showExample(reason) {
    this.#showFrame(EXAMPLE, `${reason} ${EXAMPLE_NOTE}`);
  }

  #showFrame(frame, note) {
    this.#part("frame-note").textContent = note;
    this.#part("frame").replaceChildren(...descriptions(frameFacts(frame)));
  }
}

function connectionText({ opening, isOpen, sentCount }) {
  if (!opening) return `${NO_CONNECTION} It connects when you open it.`;
  return `Talk ${isOpen ? "is" : "was"} connected to ${opening.address}. `
    + `You have sent ${formatCount(sentCount, "message")} over this connection.`;
}

function openingFacts({ opening }) {
  if (!opening) return [];
  const { address, subprotocol, extensions, milliseconds } = opening;
  return descriptions([
    ["Address", address],
    ["Opened at", `${formatTime(opening.time)}, ${formatDuration(milliseconds)} after the request`],
    ["Subprotocol", subprotocol || "none"],
    ["Extensions", extensions || "none"],
  ]);
}

function messagesText({ sent, received }) {
  const last = [["sent", sent], ["received", received]].filter(([, entry]) => entry);
  return last.map(([done, entry]) => `The last message you ${done}: “${beginningOf(entry)}”.`)
    .join(" ");
}

function beginningOf({ text }) {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

function whyNoFrame(opening, sent) {
  if (!opening) return NO_CONNECTION;
  if (!sent) return "You have sent nothing over this connection yet.";
  if (opening.foreign) return "Only the server sees frames, and this is another server.";
  return isOffered("traces") ? "" : NO_TRACES;
}

function endText({ end, isOpen }) {
  const now = isOpen ? "Talk is connected. " : "";
  if (!end) return now || NO_CONNECTION;
  return `${now}${howEnded(end, isOpen ? "An earlier" : "The last")} ${explainClose(end)}`;
}

function howEnded({ code, opened, cancelled }, which) {
  if (cancelled) return `${which} attempt to connect was cancelled, which gives code ${code}.`;
  if (!opened) return `${which} attempt to connect failed with code ${code}.`;
  return `${which} connection ended with code ${code}.`;
}
