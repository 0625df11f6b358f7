import { withClient } from "./client.js";

const TRACE = /([?&])trace=[0-9a-f]{32}(&?)/;

/**
 * Get the report of /inspect, and the same handshake as this browser sees it.
 *
 * @param {{protocols?: string[], query?: string, signal?: AbortSignal}} options
 * @returns {Promise<{report: object, extensions: string, protocol: string, seconds: number}>}
 *     `extensions` and `protocol` from the browser; `seconds` for the handshake
 */
export async function inspect({ protocols = [], query = "", signal } = {}) {
  const started = performance.now();
  return withClient(`inspect${query}`, { protocols, signal }, async (client) => {
    const seconds = (performance.now() - started) / 1000;
    const { extensions, protocol } = client;
    const { data } = await client.next();
    return { report: withoutTrace(parse(data)), extensions, protocol, seconds };
  });
}

// The ID of the trace is our own, and would only puzzle people.
function withoutTrace(report) {
  const line = report.request.line.replace(TRACE, (_, before, after) => (after ? before : ""));
  return { ...report, request: { ...report.request, line } };
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    throw new Error("the message is not a report of /inspect");
  }
}

/** @returns {string | null} the value of a request header in a report */
export function requestHeader(report, name) {
  return valueOf(report.request.headers, name);
}

/** @returns {string | null} the value of a header of the 101 response in a report */
export function responseHeader(report, name) {
  return valueOf(parseHead(report.response.head), name);
}

/** @returns {[string, string][]} the headers of a response head, without its status line */
export function parseHead(head) {
  const lines = head.split("\r\n").slice(1);
  return lines.filter(Boolean).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

function valueOf(headers, name) {
  const wanted = name.toLowerCase();
  return headers.find(([found]) => found.toLowerCase() === wanted)?.[1] ?? null;
}
