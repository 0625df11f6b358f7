import { startPanels } from "./panels.js";
import { startTalk } from "./talk.js";

startPanels([...document.querySelectorAll("main > section")]);
startTalk(document.querySelector("#talk"));
