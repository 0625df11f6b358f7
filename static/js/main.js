import { startTalk } from "./talk.js";

startTalk(document.querySelector("#talk"));
