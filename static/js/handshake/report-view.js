import { descriptions } from "../common/element.js";
import { showChanges } from "./changes-view.js";
import { lineList } from "./line-list.js";

/**
 * Show a report of /inspect.
 *
 * @param {function(string): HTMLElement} part finds an element of the panel by its name
 * @param {object} report
 * @param {import("./line-list.js").Head} response
 * @param {import("./judged-changes.js").JudgedChange[]} changes
 * @param {string} protocol the subprotocol as the browser sees it, or ""
 */
export function showReport(part, report, response, changes, protocol) {
  showChanges(part, changes);
  part("request").replaceChildren(...lineList("request", report.request, changes));
  part("response").replaceChildren(...lineList("response", response, changes));
  const isTlsLost = changes.some(({ header }) => header === "TLS");
  part("ends").replaceChildren(...descriptions(clientAndServer(report, protocol, isTlsLost)));
  part("caveat").textContent = report.about;
}

function clientAndServer({ peer, negotiated, tls, server, secure }, protocol, isTlsLost) {
  return [
    ["Connected from", `${peer.address}, port ${peer.port}`],
    ["Client address used", clientText(peer)],
    ["Proxies", proxiesText(peer)],
    ["Trusted headers", trustedText(peer)],
    ["TLS", tls ? `${tls.version}, ${tls.cipher}` : noTlsText(secure, isTlsLost)],
    ["Subprotocol", subprotocolText(negotiated.subprotocol, protocol)],
    ["Extensions", negotiated.extensions.join(", ") || "none"],
    ["Server process", `${server.process} on ${server.host}`],
    ["Software", Object.entries(server.software).map((pair) => pair.join(" ")).join(", ")],
    ["Server time", server.time],
  ];
}

function clientText({ client, address, trusted_proxies: trusted }) {
  if (client !== address) return `${client}, from ${trusted} trusted proxies`;
  return trusted ? client : `${client} (no proxy is trusted: FLASK_ECHO_TRUSTED_PROXIES is 0)`;
}

function trustedText({ trusted_headers: headers }) {
  const names = headers.map((end) => `X-Forwarded-${end[0].toUpperCase()}${end.slice(1)}`);
  return names.join(", ") || "none";
}

function proxiesText({ forwarded }) {
  const hop = ({ address, trusted }) => `${address} (${trusted ? "trusted" : "not trusted"})`;
  return forwarded.map(hop).join(", ") || "none reported";
}

function noTlsText(secure, isTlsLost) {
  if (secure) return "terminated by a trusted proxy";
  const none = "none: the server received this connection without it";
  return isTlsLost ? `${none}. This browser used TLS, so a proxy terminates it.` : none;
}

function subprotocolText(agreed, seen) {
  if ((agreed ?? "") === seen) return agreed ?? "none";
  return `the server agreed to ${agreed ?? "none"}, this browser got ${seen || "none"}`;
}
