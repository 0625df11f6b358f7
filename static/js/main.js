import { startDiagnose } from "./diagnose/panel.js";
import { startHandshake } from "./handshake/panel.js";
import { startPanels } from "./panels.js";
import { startTalk } from "./talk/panel.js";

const shown = { handshake: startHandshake(document.querySelector("#handshake")) };
startPanels([...document.querySelectorAll("main > section")], (id) => shown[id]?.());
startTalk(document.querySelector("#talk"));
startDiagnose(document.querySelector("#diagnose"));
