/**
 * Infers the changes that proxies made to a handshake: it compares the received request with the
 * one that this browser is known to send. The page marks the result as inferred.
 */

import { requestHeader, responseHeader } from "../common/inspect.js";

// Scripts cannot add headers to a WebSocket request, so these are all that a browser sends.
const BROWSER_HEADERS = new Set([
  "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection",
  "cookie", "dnt", "host", "origin", "pragma", "priority", "sec-gpc", "upgrade", "user-agent",
]);
const BROWSER_PREFIXES = ["sec-websocket-", "sec-fetch-", "sec-ch-"];

/**
 * @param {object} report of /inspect
 * @param {object} browser
 * @param {string} browser.href of the page
 * @param {string} browser.userAgent
 * @param {string} browser.language the preferred one
 * @param {string[]} browser.protocols offered subprotocols
 * @param {string} browser.extensions negotiated ones, as the browser sees them
 * @returns {{header: string, text: string}[]} `header` may be missing from the received request
 */
export function inferChanges(report, browser) {
  const steps = [added, changed, missing, rewritten, extensions, path, tls];
  return steps.flatMap((step) => step(report, browser));
}

function added({ request }) {
  return request.headers
    .filter(([name]) => !isFromBrowser(name.toLowerCase()))
    .map(([header]) => ({ header, text: "Added by a proxy (normal)." }));
}

function isFromBrowser(name) {
  return BROWSER_HEADERS.has(name) || BROWSER_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function changed(report, browser) {
  const { host, origin } = new URL(browser.href);
  return [
    compare(report, "Host", host),
    compare(report, "Origin", origin),
    compare(report, "User-Agent", browser.userAgent),
    compare(report, "Sec-WebSocket-Protocol", browser.protocols.join(", ")),
    compareLanguage(report, browser.language),
    compareEncoding(report),
  ].filter(Boolean);
}

function compare(report, header, sent) {
  const received = requestHeader(report, header);
  if (received === null || received === sent) return null;
  const was = sent ? `this browser sent “${sent}”` : "this browser sent none";
  return { header, text: `Changed by a proxy: ${was}.` };
}

// Browsers add weights and may shorten the list, but the first language stays.
function compareLanguage(report, language) {
  const first = requestHeader(report, "Accept-Language")?.split(/[,;]/)[0].trim();
  if (!first || first.toLowerCase() === language.toLowerCase()) return null;
  const text = `Perhaps changed by a proxy: this browser prefers “${language}”.`;
  return { header: "Accept-Language", text };
}

function compareEncoding(report) {
  const received = requestHeader(report, "Accept-Encoding");
  if (!received || received.includes("deflate")) return null;
  const text = "Probably changed by a proxy: browsers offer at least gzip and deflate.";
  return { header: "Accept-Encoding", text };
}

function missing(report, browser) {
  const expected = ["Origin", "User-Agent", "Sec-WebSocket-Extensions"];
  if (browser.protocols.length) expected.push("Sec-WebSocket-Protocol");
  return expected
    .filter((header) => requestHeader(report, header) === null)
    .map((header) => ({
      header,
      text: `Removed by a proxy: this browser sent it.${consequence(header)}`,
    }));
}

function consequence(header) {
  if (header === "Sec-WebSocket-Extensions") return " Without it there is no compression.";
  if (header === "Sec-WebSocket-Protocol") return " Without it no subprotocol can be agreed.";
  return "";
}

// Browsers send "Upgrade", Firefox "keep-alive, Upgrade". A proxy that forwards the upgrade often
// rewrites it, usually in lower case because most instructions on the web have it so.
function rewritten(report) {
  const notes = [];
  if (!/^(keep-alive, )?Upgrade$/.test(requestHeader(report, "Connection") ?? "Upgrade")) {
    const text = "Rewritten by a proxy (normal): browsers send “Upgrade” or “keep-alive, Upgrade”.";
    notes.push({ header: "Connection", text });
  }
  if ((requestHeader(report, "Upgrade") ?? "websocket") !== "websocket") {
    const text = "Rewritten by a proxy (normal): browsers send “websocket”.";
    notes.push({ header: "Upgrade", text });
  }
  return notes;
}

function extensions(report, browser) {
  const sent = responseHeader(report, "Sec-WebSocket-Extensions") ?? "";
  if (names(sent) === names(browser.extensions)) return [];
  return [{
    header: "Sec-WebSocket-Extensions",
    text: `Changed in the response: the server sent “${sent || "none"}”, `
      + `this browser got “${browser.extensions || "none"}”.`,
  }];
}

// Not every browser shows the parameters of an extension.
function names(list) {
  return list.split(",").map((extension) => extension.split(";")[0].trim()).join();
}

function path(report, browser) {
  const sent = new URL("inspect", browser.href).pathname;
  const received = report.request.line.split(" ")[1]?.split("?")[0];
  if (received === sent) return [];
  return [{
    header: "Request line",
    text: `Path changed by a proxy: this browser asked for “${sent}”.`,
  }];
}

function tls(report, browser) {
  const sent = new URL(browser.href).protocol === "https:";
  if (!sent || report.tls) return [];
  return [{
    header: "TLS",
    text: "This browser used TLS, but the server received plain text: a proxy terminates TLS.",
  }];
}
