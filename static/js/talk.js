import { webSocketAddress } from "./address.js";
import { Connection, isActive } from "./connection.js";
import { Controls } from "./controls.js";
import { Log } from "./log.js";
import { closeText, textOf } from "./wording.js";

/** Talk to the server from a panel: connect, write down what happens, send what is typed. */
export function startTalk(panel) {
  const log = new Log(panel.querySelector("#messages"));
  const controls = new Controls(panel);
  if ("WebSocket" in window) {
    log.write("event", "websockets supported");
    talk(panel, log, controls);
  } else {
    log.write("event", "websockets not supported");
    controls.showUnsupported();
  }
}

function talk(panel, log, controls) {
  const address = webSocketAddress("WS.ashx", window.location);
  const connection = new Connection(address, {
    opened: () => log.write("event", "connection open"),
    received: (data) => log.write("received", textOf(data)),
    closed: (code, reason) => log.write("event", closeText(code, reason)),
    changed: (state) => controls.show(state),
  });
  controls.listen({
    connect: () => connection.connect(),
    disconnect: () => connection.disconnect(),
    say: (text) => connection.send(text) && log.write("sent", text),
  });
  panel.querySelector("#address").textContent = address;
  leaveWithPage(connection);
  connection.connect();
}

// An open socket can keep a page out of the back/forward cache, and does not survive in it.
function leaveWithPage(connection) {
  let resume = false;
  window.addEventListener("pagehide", () => {
    resume = isActive(connection.state);
    connection.disconnect();
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted && resume) connection.connect();
  });
}
