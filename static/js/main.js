import { startCompare } from "./compare/panel.js";
import { startDiagnose } from "./diagnose/panel.js";
import { startHandshake } from "./handshake/panel.js";
import { startLearn } from "./learn/panel.js";
import { startPanels } from "./panels.js";
import { startTalk } from "./talk/panel.js";
import { Summary } from "./talk/summary.js";

const summary = new Summary(); // what Talk tells Learn

const STARTS = {
  talk: (panel) => startTalk(panel, summary),
  handshake: startHandshake,
  compare: startCompare,
  diagnose: startDiagnose,
  learn: (panel) => startLearn(panel, summary),
};

// A panel is missing if what it needs is turned off. Each start returns what to call when its panel
// is shown.
const panels = [...document.querySelectorAll("main > section")];
startPanels(panels, Object.fromEntries(
  panels.map((panel) => [panel.id, STARTS[panel.id](panel)])));

document.querySelector("#scripts-missing").remove();
