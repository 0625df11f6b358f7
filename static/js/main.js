import { startDiagnose } from "./diagnose/panel.js";
import { startHandshake } from "./handshake/panel.js";
import { startPanels } from "./panels.js";
import { startTalk } from "./talk/panel.js";

const handshake = document.querySelector("#handshake"); // missing if /inspect is turned off
const shown = handshake ? { handshake: startHandshake(handshake) } : {};
startPanels([...document.querySelectorAll("main > section")], (id) => shown[id]?.());
startTalk(document.querySelector("#talk"));
startDiagnose(document.querySelector("#diagnose"));
