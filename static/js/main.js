import { startCompare } from "./compare/panel.js";
import { startDiagnose } from "./diagnose/panel.js";
import { startHandshake } from "./handshake/panel.js";
import { startPanels } from "./panels.js";
import { startTalk } from "./talk/panel.js";

const handshake = document.querySelector("#handshake"); // missing if /inspect is turned off
const shown = handshake ? { handshake: startHandshake(handshake) } : {};
startPanels([...document.querySelectorAll("main > section")], (id) => shown[id]?.());
startTalk(document.querySelector("#talk"));
const compare = document.querySelector("#compare"); // missing if /events is turned off
if (compare) startCompare(compare);
startDiagnose(document.querySelector("#diagnose"));
