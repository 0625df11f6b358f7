import { NoHttpResponse, withClient } from "./client.js";

const SECONDS = 5; // for each of two requests, which run at the same time

/**
 * @typedef {object} Explanation
 * @property {string} meaning
 * @property {string} advice may have several lines
 *
 * @typedef {object} HttpResult
 * @property {number | null} status null without a response
 * @property {object | null} json the body, if it is JSON
 */

/**
 * Find out why a connection did not open. Browsers only report code 1006, so this asks the same
 * server over plain HTTP and concludes from the responses.
 *
 * @param {import("./client.js").NotConnected | NoHttpResponse} failure
 * @param {AbortSignal} [signal] cancels the requests
 * @returns {Promise<Explanation>}
 */
export async function explainFailure(failure, signal) {
  const requests = ["healthz", failure.path].map((path) => fetchJson(path, signal));
  const echo = opensElsewhere(failure, signal);
  const [echoes, health, address] = await Promise.all([echo, ...requests]);
  const { origin } = window.location;
  const overHttp = failure instanceof NoHttpResponse;
  return judgeFailure({ overHttp, timedOut: failure.timedOut, origin, health, address, echoes });
}

/** @returns {Promise<boolean>} whether /inspect refused the upgrade and /echo does not */
async function opensElsewhere({ path, timedOut }, signal) {
  if (timedOut || !path.startsWith("inspect")) return false;
  const options = { seconds: SECONDS, signal };
  return withClient("echo", options, async () => true).catch(() => false);
}

/**
 * @param {object} evidence
 * @param {boolean} evidence.overHttp whether a plain HTTP request failed, not an upgrade
 * @param {boolean} evidence.timedOut whether the upgrade got no response at all
 * @param {string} evidence.origin of this page
 * @param {HttpResult} evidence.health from /healthz
 * @param {HttpResult} evidence.address from the WebSocket address
 * @param {boolean} [evidence.echoes] whether /inspect was refused and /echo was not
 * @returns {Explanation}
 */
export function judgeFailure({ overHttp, timedOut, origin, health, address, echoes = false }) {
  if (health.status === null) return unreachable();
  if (overHttp) return unreliable();
  const known = unavailable(health.json) ?? misrouted(address);
  if (known) return known;
  if (timedOut) return heldBack();
  if (echoes) return refusedReport(address.json);
  return refusedOrigin(address.json, origin) ?? droppedHeaders(address.json);
}

function unreachable() {
  return {
    meaning: "The server is not reachable at all (not just WebSockets).",
    advice: "Check that it is running and that this page still reloads, then try again.",
  };
}

function unreliable() {
  return {
    meaning: "One HTTP request got no response, but the next one did. So this is not about "
      + "WebSockets: the server, or the network to it, is unreliable.",
    advice: "Run this check again. If it still fails, try another network.",
  };
}

function unavailable(health) {
  if (health?.status === "draining") {
    return {
      meaning: "The server is shutting down and accepts no new connections.",
      advice: "Try again once it has restarted.",
    };
  }
  if (health && health.seats_taken >= health.capacity) {
    const taken = `${health.seats_taken} of ${health.capacity}`;
    return {
      meaning: `The server is full: ${taken} connections are taken.`,
      advice: "Try again later, or raise FLASK_ECHO_MAX_CONNECTIONS.",
    };
  }
  return null;
}

function misrouted({ status }) {
  if (status === null) {
    return {
      meaning: "The server is reachable, but the WebSocket address is not, even over plain HTTP.",
      advice: "Look for a rule about this address in the proxy or firewall in front of the server.",
    };
  }
  if (status === 426) return null;
  const alternative = status >= 500 ? ", or cannot reach the server" : "";
  return {
    meaning: `Over HTTP, the WebSocket address returned ${status}, but this service returns 426. `
      + `So a proxy sends this address elsewhere${alternative}.`,
    advice: "Check that the proxy sends every path to the same server, WebSocket paths too.",
  };
}

function heldBack() {
  return {
    meaning: "HTTP works here, but the upgrade gets no response at all: something on the path "
      + "holds the request back.",
    advice: "Suspect a proxy that waits for a complete response before it forwards anything, or "
      + "security software that inspects traffic. Try another network, and https instead of http.",
  };
}

// Browsers send no Origin with a plain request to the page's own server, so the server checks it
// only in an upgrade. Every refusal lists the allowed origins.
function refusedOrigin(refusal, origin) {
  const allowed = refusal?.origins;
  if (!Array.isArray(allowed) || allowed.includes(origin)) return null;
  return {
    meaning: `The server refuses WebSockets from pages at ${origin}. It accepts only those from `
      + `${allowed.join(", ")}.`,
    advice: `To allow this page, add ${origin} to FLASK_ECHO_ALLOWED_ORIGINS.`,
  };
}

// The server gives the report only to its own pages, which it knows by Host.
function refusedReport(refusal) {
  const host = refusal?.arrived?.Host ?? "unknown";
  return {
    meaning: "WebSockets work here, but the server refuses the report to this page. It takes the "
      + `page for one of another site, because the Host that reaches it is ${host}.`,
    advice: "Configure the proxy to forward Host (nginx: proxy_set_header Host $http_host;) or to "
      + "write X-Forwarded-Host.",
  };
}

// The server knows the configuration of each proxy and includes it in its 426.
function droppedHeaders(refusal) {
  const lines = Object.entries(refusal?.cure ?? {}).map((pair) => pair.join(":\n"));
  return {
    meaning: "HTTP works here but the upgrade is refused. Most likely a proxy drops the headers "
      + "Upgrade and Connection.",
    advice: ["Configure the proxy to forward both headers.", ...lines].join("\n\n"),
  };
}

async function fetchJson(path, signal) {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const timer = setTimeout(stop, SECONDS * 1000);
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(path, {
      cache: "no-store",
      headers: { Accept: "application/problem+json, application/json" },
      signal: controller.signal,
    });
    return { status: response.status, json: await response.json().catch(() => null) };
  } catch {
    return { status: null, json: null };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
