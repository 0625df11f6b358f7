import { Drawing } from "../common/drawing.js";
import { hasOptions, writeLink } from "../common/link.js";
import { Controls } from "./controls.js";
import { Conversation } from "./conversation.js";
import { Details } from "./details.js";
import { FailureBanner } from "./failure-banner.js";
import { Frames } from "./frames.js";
import { LogViews } from "./log-views.js";
import { Log } from "./log.js";
import { MessageBox } from "./message-box.js";
import { OpeningView } from "./opening-view.js";
import { Options } from "./options.js";
import { Record } from "./record.js";
import { RoundTripChart } from "./round-trip-chart.js";

/**
 * Start the panel Talk: connect, record what happens, and send what the user types.
 *
 * @param {HTMLElement} panel
 * @param {import("./summary.js").Summary} summary is told what happens
 * @returns {function(URLSearchParams): void} takes the query of the panel's link
 */
export function startTalk(panel, summary) {
  const controls = new Controls(panel);
  const drawing = new Drawing();
  const { record, chart } = startRecord(panel, drawing, summary);
  const options = new Options(panel);
  const box = new MessageBox(panel, drawing);
  summary.follow(options);
  new LogViews(panel);
  if (!("WebSocket" in window)) {
    record.status("websockets not supported");
    controls.showUnsupported();
    box.disable();
    return () => {};
  }
  record.status("websockets supported");
  const conversation = new Conversation({
    panel, record, chart, controls, box, options, drawing,
    frames: new Frames(panel), banner: new FailureBanner(panel), opening: new OpeningView(panel),
  });
  return followLinks(conversation, options, record);
}

/** Create the record and its three views. */
function startRecord(panel, drawing, summary) {
  const log = new Log(panel.querySelector("#messages"), drawing);
  const chart = new RoundTripChart(panel.querySelector("#round-trips"), drawing);
  const record = new Record({
    added: (entry) => {
      const { kind, text, log: line = text } = entry;
      if (line !== null) log.write(kind, line);
      details.added(entry);
      summary.added(entry);
    },
    changed: (entry) => details.changed(entry),
  });
  const details = new Details(panel, record, drawing, () => {
    record.clear();
    for (const view of [log, details, chart]) view.clear();
  });
  return { record, chart };
}

// A link fills in the form and connects, but never to another server: that is the user's decision.
function followLinks(conversation, options, record) {
  let started = false;
  return (query) => {
    if (hasOptions(query)) {
      for (const problem of options.fill(query)) record.status(problem, { log: null });
    }
    if (!started) conversation.start();
    else if (hasOptions(query)) conversation.follow();
    started = true;
    writeLink("talk", options.link);
  };
}
