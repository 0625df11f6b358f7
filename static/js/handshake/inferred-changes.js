/**
 * What something between this browser and the server probably added, took away or changed:
 * the request as it arrived is held against what this browser is known to send. None of this
 * is certain, and the page says so.
 */

import { requestHeader, responseHeader } from "../common/inspect.js";

// A script cannot add a header to a WebSocket, so all that a browser sends by itself is known.
const FROM_BROWSERS = new Set([
  "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection",
  "cookie", "dnt", "host", "origin", "pragma", "priority", "sec-gpc", "upgrade", "user-agent",
]);
const FROM_BROWSERS_TOO = ["sec-websocket-", "sec-fetch-", "sec-ch-"];

/**
 * @param {object} report what /inspect said
 * @param {object} browser what this side knows
 * @param {string} browser.href of the page
 * @param {string} browser.userAgent
 * @param {string} browser.language the first one
 * @param {string[]} browser.protocols the subprotocols that were asked for
 * @param {string} browser.extensions of the open connection
 * @returns {{header: string, text: string}[]} what was inferred; `header` may have arrived or not
 */
export function inferChanges(report, browser) {
  const steps = [added, changed, missing, upgradeHeaders, compression, path, security];
  return steps.flatMap((step) => step(report, browser));
}

function added({ request }) {
  return request.headers
    .filter(([name]) => !isFromBrowser(name.toLowerCase()))
    .map(([header]) => ({
      header,
      text: "Added on the way: no browser sends it with a WebSocket, and a page cannot.",
    }));
}

function isFromBrowser(name) {
  return FROM_BROWSERS.has(name) || FROM_BROWSERS_TOO.some((start) => name.startsWith(start));
}

function changed(report, browser) {
  const { host, origin } = new URL(browser.href);
  return [
    differing(report, "Host", host),
    differing(report, "Origin", origin),
    differing(report, "User-Agent", browser.userAgent),
    differing(report, "Sec-WebSocket-Protocol", browser.protocols.join(", ")),
    languageNote(report, browser.language),
    encodingNote(report),
  ].filter(Boolean);
}

function differing(report, header, sent) {
  const arrived = requestHeader(report, header);
  if (arrived === null || arrived === sent) return null;
  const was = sent ? `this browser sent “${sent}”` : "this browser sent none";
  return { header, text: `Changed on the way: ${was}.` };
}

// Browsers add weights and shorten the list as they like, but the first language is the first.
function languageNote(report, language) {
  const first = requestHeader(report, "Accept-Language")?.split(/[,;]/)[0].trim();
  if (!first || first.toLowerCase() === language.toLowerCase()) return null;
  const text = `Perhaps changed on the way: this browser prefers “${language}”.`;
  return { header: "Accept-Language", text };
}

function encodingNote(report) {
  const arrived = requestHeader(report, "Accept-Encoding");
  if (!arrived || arrived.includes("deflate")) return null;
  const text = "Probably changed on the way: browsers offer gzip and deflate at least.";
  return { header: "Accept-Encoding", text };
}

function missing(report, browser) {
  const expected = ["Origin", "User-Agent", "Sec-WebSocket-Extensions"];
  if (browser.protocols.length) expected.push("Sec-WebSocket-Protocol");
  return expected
    .filter((header) => requestHeader(report, header) === null)
    .map((header) => ({
      header,
      text: `Taken away on the way: this browser sent it, but it did not arrive.${loss(header)}`,
    }));
}

function loss(header) {
  if (header === "Sec-WebSocket-Extensions") return " Without it there is no compression.";
  if (header === "Sec-WebSocket-Protocol") return " Without it no subprotocol can be agreed.";
  return "";
}

// Browsers write "Upgrade", Firefox "keep-alive, Upgrade"; a proxy that is told to pass the
// upgrade on often writes it anew, and most instructions on the Web have it in lower case.
function upgradeHeaders(report) {
  const notes = [];
  if (!/^(keep-alive, )?Upgrade$/.test(requestHeader(report, "Connection") ?? "Upgrade")) {
    notes.push({
      header: "Connection",
      text: "Written anew on the way: browsers say “Upgrade” or “keep-alive, Upgrade”.",
    });
  }
  if ((requestHeader(report, "Upgrade") ?? "websocket") !== "websocket") {
    const text = "Written anew on the way: browsers say “websocket”.";
    notes.push({ header: "Upgrade", text });
  }
  return notes;
}

function compression(report, browser) {
  const answered = responseHeader(report, "Sec-WebSocket-Extensions") ?? "";
  if (names(answered) === names(browser.extensions)) return [];
  return [{
    header: "Sec-WebSocket-Extensions",
    text: `Changed on the way back: the server answered “${answered || "nothing"}”, `
      + `this browser got “${browser.extensions || "nothing"}”.`,
  }];
}

// Browsers differ in whether they show the parameters of an extension.
function names(extensions) {
  return extensions.split(",").map((extension) => extension.split(";")[0].trim()).join();
}

function path(report, browser) {
  const sent = new URL("inspect", browser.href).pathname;
  const arrived = report.request.line.split(" ")[1]?.split("?")[0];
  if (arrived === sent) return [];
  return [{
    header: "Request line",
    text: `The path was changed on the way: this browser asked for “${sent}”.`,
  }];
}

function security(report, browser) {
  const sent = new URL(browser.href).protocol === "https:";
  if (!sent || report.tls) return [];
  return [{
    header: "Encryption",
    text: "This browser spoke TLS, but the server got plain text: a proxy in between ends TLS.",
  }];
}
