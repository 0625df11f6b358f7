import { Controls } from "./controls.js";
import { Conversation } from "./conversation.js";
import { Details } from "./details.js";
import { Graph } from "./graph.js";
import { Log } from "./log.js";
import { Options } from "./options.js";
import { Record } from "./record.js";

/** Talk to the server from a panel: connect, write down what happens, send what is typed. */
export function startTalk(panel) {
  const controls = new Controls(panel);
  const { record, graph } = startRecord(panel);
  const options = new Options(panel);
  if ("WebSocket" in window) {
    record.event("websockets supported");
    new Conversation({ panel, record, graph, controls, options }).start();
  } else {
    record.event("websockets not supported");
    controls.showUnsupported();
  }
}

/** One record, and the three views of it. */
function startRecord(panel) {
  const log = new Log(panel.querySelector("#messages"));
  const graph = new Graph(panel.querySelector("#round-trips"));
  const record = new Record({
    added: (entry) => {
      log.write(entry.kind, entry.text);
      details.added(entry);
    },
    changed: (entry) => details.changed(entry),
  });
  const details = new Details(panel, record, () => {
    record.clear();
    for (const view of [log, details, graph]) view.clear();
  });
  return { record, graph };
}
