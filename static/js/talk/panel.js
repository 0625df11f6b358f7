import { Controls } from "./controls.js";
import { Conversation } from "./conversation.js";
import { Details } from "./details.js";
import { Frames } from "./frames.js";
import { Log } from "./log.js";
import { Options } from "./options.js";
import { Record } from "./record.js";
import { RoundTripChart } from "./round-trip-chart.js";

/** Start the panel Talk: connect, record what happens, and send what the user types. */
export function startTalk(panel) {
  const controls = new Controls(panel);
  const { record, chart } = startRecord(panel);
  const options = new Options(panel);
  if ("WebSocket" in window) {
    record.status("websockets supported");
    const frames = new Frames(panel);
    new Conversation({ panel, record, chart, controls, options, frames }).start();
  } else {
    record.status("websockets not supported");
    controls.showUnsupported();
  }
}

/** Create the record and its three views. */
function startRecord(panel) {
  const log = new Log(panel.querySelector("#messages"));
  const chart = new RoundTripChart(panel.querySelector("#round-trips"));
  const record = new Record({
    added: (entry) => {
      log.write(entry.kind, entry.text);
      details.added(entry);
    },
    changed: (entry) => details.changed(entry),
  });
  const details = new Details(panel, record, () => {
    record.clear();
    for (const view of [log, details, chart]) view.clear();
  });
  return { record, chart };
}
