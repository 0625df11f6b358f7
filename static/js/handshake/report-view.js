import { element, descriptions } from "../common/element.js";
import { parseHead } from "../common/inspect.js";
import { headerMeaning } from "./header-meanings.js";

/** Show a report of /inspect: both texts, what each header means, what was inferred, both ends. */
export function showReport(part, report, notes, protocol) {
  const inferred = new Set(notes.map(({ header }) => header.toLowerCase()));
  const { line, headers } = report.request;
  const answered = parseHead(report.response.head);
  const [status] = report.response.head.split("\r\n");
  showText(part("request"), line, headers, inferred);
  showText(part("response"), status, answered, new Set());
  part("request-headers").replaceChildren(...descriptions(explained(headers, report.request.masked)));
  part("response-headers").replaceChildren(...descriptions(explained(answered, [])));
  part("inferred").replaceChildren(...descriptions(notes.map(({ header, text }) => [header, text])));
  part("direct").hidden = notes.length > 0;
  part("caveat").textContent = report.about;
  part("ends").replaceChildren(...descriptions(ends(report, protocol)));
}

function showText(place, first, headers, inferred) {
  const lines = headers.flatMap(([name, value]) => {
    const text = `${name}: ${value}`;
    return [inferred.has(name.toLowerCase()) ? element("mark", {}, text) : text, "\n"];
  });
  place.replaceChildren(element("b", {}, first), "\n", ...lines);
}

function explained(headers, masked) {
  return headers.map(([name]) => {
    const unknown = "Not a header that this page knows; ask whoever runs the proxies.";
    const note = masked.includes(name) ? " Masked here by the server." : "";
    return [name, (headerMeaning(name) ?? unknown) + note];
  });
}

function ends({ peer, negotiated, tls, server, secure }, protocol) {
  return [
    ["Connected from", `${peer.address}, port ${peer.port}`],
    ["Client, as believed", clientText(peer)],
    ["Forwarded by", chainText(peer)],
    ["Encryption", tls ? `${tls.version}, ${tls.cipher}` : plainText(secure)],
    ["Subprotocol", subprotocolText(negotiated.subprotocol, protocol)],
    ["Extensions", negotiated.extensions.join(", ") || "none"],
    ["Served by", `process ${server.process} on ${server.host}`],
    ["Software", Object.entries(server.software).map((pair) => pair.join(" ")).join(", ")],
    ["Server’s time", server.time],
  ];
}

function clientText({ client, address, trusted_proxies: trusted }) {
  if (client !== address) return `${client}, as ${trusted} trusted proxies say`;
  return trusted ? client : `${client}: no proxy is trusted (FLASK_ECHO_TRUSTED_PROXIES is 0)`;
}

function chainText({ forwarded }) {
  const hop = ({ address, trusted }) => `${address} (${trusted ? "trusted" : "not trusted"})`;
  return forwarded.map(hop).join(", ") || "nobody";
}

function plainText(secure) {
  return secure ? "ended by a trusted proxy in front" : "none at this server";
}

function subprotocolText(agreed, seen) {
  if ((agreed ?? "") === seen) return agreed ?? "none";
  return `the server says ${agreed ?? "none"}, this browser ${seen || "none"}`;
}
