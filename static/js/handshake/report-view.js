import { descriptions, element } from "../common/element.js";
import { parseHead } from "../common/inspect.js";
import { headerMeaning } from "./header-meanings.js";

/**
 * Show a report of /inspect.
 *
 * @param {function(string): HTMLElement} part finds an element of the panel by its name
 * @param {object} report
 * @param {{header: string, text: string}[]} changes inferred ones
 * @param {string} protocol the subprotocol as the browser sees it, or ""
 */
export function showReport(part, report, changes, protocol) {
  const { line, headers, masked } = report.request;
  const [status] = report.response.head.split("\r\n");
  const responseHeaders = parseHead(report.response.head);
  const changed = new Set(changes.map(({ header }) => header.toLowerCase()));
  showText(part("request"), line, headers, changed);
  showText(part("response"), status, responseHeaders, new Set());
  const lists = {
    changes: changes.map(({ header, text }) => [header, text]),
    "request-headers": explained(headers, masked),
    "response-headers": explained(responseHeaders, []),
    ends: clientAndServer(report, protocol),
  };
  for (const [name, pairs] of Object.entries(lists)) {
    part(name).replaceChildren(...descriptions(pairs));
  }
  part("unchanged").hidden = changes.length > 0;
  part("caveat").textContent = report.about;
}

function showText(place, firstLine, headers, changed) {
  const lines = headers.flatMap(([name, value]) => {
    const text = `${name}: ${value}`;
    return [changed.has(name.toLowerCase()) ? element("mark", {}, text) : text, "\n"];
  });
  place.replaceChildren(element("b", {}, firstLine), "\n", ...lines);
}

function explained(headers, masked) {
  return headers.map(([name]) => {
    const unknown = "This page does not know this header; ask whoever runs the proxies.";
    const note = masked.includes(name) ? " The server masked its value." : "";
    return [name, (headerMeaning(name) ?? unknown) + note];
  });
}

function clientAndServer({ peer, negotiated, tls, server, secure }, protocol) {
  return [
    ["Connected from", `${peer.address}, port ${peer.port}`],
    ["Client address used", clientText(peer)],
    ["Proxies", proxiesText(peer)],
    ["Trusted headers", trustedText(peer)],
    ["TLS", tls ? `${tls.version}, ${tls.cipher}` : noTlsText(secure)],
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

function noTlsText(secure) {
  return secure ? "terminated by a trusted proxy" : "none on the last hop";
}

function subprotocolText(agreed, seen) {
  if ((agreed ?? "") === seen) return agreed ?? "none";
  return `the server agreed to ${agreed ?? "none"}, this browser got ${seen || "none"}`;
}
