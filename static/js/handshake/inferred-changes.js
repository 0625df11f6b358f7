/**
 * Infers the changes that proxies made to a handshake: it compares the received request with the
 * one that this browser is known to send. The page marks the result as inferred.
 *
 * @typedef {object} Change
 * @property {"request" | "response" | "line" | "connection"} place `line` is the request line
 * @property {string} header which may be missing from the received request
 * @property {"added" | "changed" | "removed" | "rewritten"} kind
 * @property {string} label such as "Changed by a proxy"
 * @property {string} sent as far as it is known
 * @property {string} arrived
 * @property {string} [note] a sentence
 * @property {string} [check] the check of Diagnose whose rules judge the change
 * @property {{meaning: string, advice: string}} [breaks] known harm that no check judges
 */

import { requestHeader, responseHeader } from "../common/inspect.js";
import { headerMeaning } from "./header-meanings.js";

/** In place of a value that was not sent, or did not arrive. */
export const NOTHING = "nothing";

// Scripts cannot add headers to a WebSocket request, so these are all that a browser sends.
const BROWSER_HEADERS = new Set([
  "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection",
  "cookie", "dnt", "host", "origin", "pragma", "priority", "sec-gpc", "upgrade", "user-agent",
]);
const BROWSER_PREFIXES = ["sec-websocket-", "sec-fetch-", "sec-ch-"];

const PASS_ON = "Let the proxy pass it on unchanged.";
const NO_UPGRADE = { meaning: "Without it the server cannot open a WebSocket.", advice: PASS_ON };
const NO_SUBPROTOCOL = {
  meaning: "The server may pick a subprotocol that this browser did not offer, or none. Then the "
    + "browser drops the connection.",
  advice: "Let the proxy pass Sec-WebSocket-Protocol on unchanged, both ways.",
};

/**
 * @typedef {object} Browser
 * @property {string} href of the page
 * @property {string} userAgent
 * @property {string} language the preferred one
 * @property {string[]} protocols offered subprotocols
 * @property {string} [extensions] negotiated ones, as the browser sees them
 */

/**
 * @param {object} report of /inspect
 * @param {Browser} browser
 * @returns {Change[]}
 */
export function inferChanges(report, browser) {
  return [
    ...inferRequestChanges(report, browser),
    ...responseExtensions(report, browser),
    ...declined(report),
    ...tls(report, browser),
  ];
}

/**
 * @param {{request: object}} report of /inspect, or of a trace
 * @param {Browser} browser
 * @returns {Change[]}
 */
export function inferRequestChanges(report, browser) {
  return [path, removed, changed, rewritten, added].flatMap((step) => step(report, browser));
}

function added({ request }) {
  return request.headers
    .filter(([name]) => !isFromBrowser(name.toLowerCase()))
    .map(([header]) => ({
      place: "request",
      header,
      kind: "added",
      label: headerMeaning(header) ? "Added by a proxy (normal)" : "Added by a proxy",
      sent: NOTHING,
      arrived: requestHeader({ request }, header),
    }));
}

function isFromBrowser(name) {
  return BROWSER_HEADERS.has(name) || BROWSER_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function changed(report, browser) {
  const { host, origin } = new URL(browser.href);
  return [
    compare(report, "Host", host, { check: "host" }),
    compare(report, "Origin", origin, { check: "origin" }),
    compare(report, "User-Agent", browser.userAgent),
    compare(report, "Sec-WebSocket-Protocol", browser.protocols.join(", "), {
      breaks: NO_SUBPROTOCOL,
    }),
    compareLanguage(report, browser.language),
    compareEncoding(report),
  ].filter(Boolean);
}

function compare(report, header, sent, more = {}) {
  const arrived = requestHeader(report, header);
  if (arrived === null || arrived === sent) return null;
  const kind = sent ? "changed" : "added";
  const label = sent ? "Changed by a proxy" : "Added by a proxy";
  return { place: "request", header, kind, label, sent: sent || NOTHING, arrived, ...more };
}

// Browsers add weights and may shorten the list, but the first language stays.
function compareLanguage(report, language) {
  const arrived = requestHeader(report, "Accept-Language");
  const first = arrived?.split(/[,;]/)[0].trim();
  if (!first || first.toLowerCase() === language.toLowerCase()) return null;
  return {
    place: "request",
    header: "Accept-Language",
    kind: "changed",
    label: "Perhaps changed by a proxy",
    sent: `${language} first`,
    arrived,
  };
}

function compareEncoding(report) {
  const arrived = requestHeader(report, "Accept-Encoding");
  if (!arrived || arrived.includes("deflate")) return null;
  return {
    place: "request",
    header: "Accept-Encoding",
    kind: "changed",
    label: "Probably changed by a proxy",
    sent: "at least gzip and deflate",
    arrived,
  };
}

function removed(report, browser) {
  const { host, origin } = new URL(browser.href);
  const expected = [
    ["Host", host, { check: "host" }],
    ["Origin", origin, { check: "origin" }],
    ["User-Agent", browser.userAgent, {}],
    ["Sec-WebSocket-Extensions", "permessage-deflate", { check: "compression" }],
    ["Sec-WebSocket-Protocol", browser.protocols.join(", "), { breaks: NO_SUBPROTOCOL }],
    ["Sec-WebSocket-Key", "16 random bytes in base64", { breaks: NO_UPGRADE }],
    ["Sec-WebSocket-Version", "13", { breaks: NO_UPGRADE }],
    ["Connection", "Upgrade", { breaks: NO_UPGRADE }],
    ["Upgrade", "websocket", { breaks: NO_UPGRADE }],
  ];
  return expected
    .filter(([header, sent]) => sent && !requestHeader(report, header))
    .map(([header, sent, more]) => ({
      place: "request",
      header,
      kind: "removed",
      label: "Removed by a proxy",
      sent,
      arrived: NOTHING,
      ...more,
    }));
}

// Browsers send "Upgrade", Firefox "keep-alive, Upgrade". A proxy that forwards the upgrade often
// rewrites it, usually in lower case because most instructions on the web have it so.
function rewritten(report) {
  return [
    rewrite(report, "Connection", "Upgrade", ["Upgrade", "keep-alive, Upgrade"]),
    rewrite(report, "Upgrade", "websocket", ["websocket"]),
  ].filter(Boolean);
}

function rewrite(report, header, sent, usual) {
  const arrived = requestHeader(report, header);
  if (!arrived || usual.includes(arrived)) return null;
  const change = { place: "request", header, sent, arrived };
  return tokens(arrived).includes(sent.toLowerCase())
    ? { ...change, kind: "rewritten", label: "Rewritten by a proxy (normal)" }
    : { ...change, kind: "changed", label: "Changed by a proxy", breaks: NO_UPGRADE };
}

function tokens(list) {
  return list.split(",").map((token) => token.trim().toLowerCase());
}

function responseExtensions(report, browser) {
  const header = "Sec-WebSocket-Extensions";
  const sent = responseHeader(report, header) ?? "";
  const arrived = browser.extensions;
  if (names(sent) === names(arrived)) return [];
  return [{
    place: "response",
    header,
    kind: kindOf(sent, arrived),
    label: `${labelOf(sent, arrived)} by a proxy`,
    sent: sent || NOTHING,
    arrived: arrived || NOTHING,
    check: "compression",
  }];
}

function kindOf(sent, arrived) {
  if (!sent) return "added";
  return arrived ? "changed" : "removed";
}

function labelOf(sent, arrived) {
  return { added: "Added", changed: "Changed", removed: "Removed" }[kindOf(sent, arrived)];
}

// Not every browser shows the parameters of an extension.
function names(list) {
  return list.split(",").map((extension) => extension.split(";")[0].trim()).join();
}

// The parameters of an offer differ between browsers. A server that declines one may be right.
function declined(report) {
  const header = "Sec-WebSocket-Extensions";
  const arrived = requestHeader(report, header);
  const isDeclined = report.limits.compression && !responseHeader(report, header);
  if (!arrived || !isDeclined) return [];
  return [{
    place: "request",
    header,
    kind: "changed",
    label: "Perhaps changed by a proxy",
    sent: "permessage-deflate",
    arrived,
    check: "compression",
  }];
}

function path(report, browser) {
  const sent = new URL("inspect", browser.href).pathname;
  const arrived = report.request.line.split(" ")[1]?.split("?")[0];
  if (arrived === sent) return [];
  return [{
    place: "line",
    header: "Path",
    kind: "changed",
    label: "Path changed by a proxy",
    sent,
    arrived,
    check: "path",
  }];
}

function tls(report, browser) {
  if (new URL(browser.href).protocol !== "https:" || report.tls) return [];
  return [{
    place: "connection",
    header: "TLS",
    kind: "changed",
    label: "TLS terminated by a proxy (normal)",
    sent: "TLS",
    arrived: "plain text",
  }];
}
