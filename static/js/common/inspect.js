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
    const report = parse(data);
    const request = withoutTrace(report.request);
    return { report: { ...report, request }, extensions, protocol, seconds };
  });
}

/**
 * @param {{line: string}} request in a report or a trace
 * @returns {object} the same without the ID of our own trace, which would only puzzle people
 */
export function withoutTrace(request) {
  const line = request.line.replace(TRACE, (_, before, after) => (after ? before : ""));
  return { ...request, line };
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
