import { Client, NotConnected } from "../client.js";
import { newTraceId, readTrace, withTrace } from "../trace.js";

const SECONDS = 5; // for each plain request
const OPEN_SECONDS = 5;
const BODY_CHARACTERS = 65_536;
const READINGS = 4; // of a trace: several machines behind one address answer in turn
const PAUSE_MS = 100;
const UNAUTHORIZED = 401;
const MORE_TRIES = 2;
const LATE_MS = 1_000;

/**
 * The same as in flask_echo/diagnosis/evidence.py, where the members are explained.
 *
 * @typedef {object} Evidence
 * @property {{path: string, host: string, origin: string | null}} asked
 * @property {{outcome: string, why: string, answer: object | null}} upgrade
 * @property {object | null} control the response to a plain GET of the same address
 * @property {object | null} health that of healthz
 * @property {object} trace of the attempt
 * @property {object} control_trace of the control
 */

/**
 * Open a WebSocket, and gather all that is to be known about it. The connection is closed again.
 *
 * @param {string} path relative to the page
 * @param {AbortSignal} signal
 * @returns {Promise<{evidence: Evidence, extensions: string, seconds: number}>} `extensions` as the
 *     browser sees them
 */
export async function gather(path, signal) {
  let found = await attempt(path, signal);
  for (let more = 0; more < MORE_TRIES && needsProof(found.evidence); more += 1) {
    found = await attempt(path, signal);
  }
  return found;
}

// Time alone is no proof. And of several machines behind one address, the one that tells of no
// upgrade request may not be the one that got it: a browser keeps its connection to one of them.
function needsProof({ upgrade, trace }) {
  return upgrade.outcome === "silent" || (upgrade.outcome !== "open" && trace.state === "none");
}

async function attempt(path, signal) {
  const [id, controlId] = [newTraceId(), newTraceId()];
  const opened = await open(path, id, signal);
  // Without a failure there is nothing to compare with, and a browser logs each 426.
  const isOpen = opened.outcome === "open";
  const [control, health] = await Promise.all([
    isOpen ? null : get(withTrace(path, controlId), signal),
    get("healthz", signal),
  ]);
  const evidence = {
    asked: asked(path),
    upgrade: { outcome: opened.outcome, why: "", answer: null },
    control,
    health,
    trace: await seenLater(id, opened.outcome, signal),
    control_trace: isOpen ? unknown("there was no control") : await seen(controlId, signal),
  };
  return { evidence, extensions: opened.extensions, seconds: opened.seconds };
}

/** A busy server may read a request only after the client has given up. */
async function seenLater(id, outcome, signal) {
  if (outcome === "silent") await new Promise((resolve) => setTimeout(resolve, LATE_MS));
  return seen(id, signal);
}

function asked(path) {
  const { pathname } = new URL(path, window.location.href);
  return { path: pathname, host: window.location.host, origin: window.location.origin };
}

async function open(path, trace, signal) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  try {
    const client = await Client.open(path, { seconds: OPEN_SECONDS, signal, trace });
    const { extensions } = client;
    client.close();
    return { outcome: "open", extensions, seconds: seconds() };
  } catch (error) {
    if (!(error instanceof NotConnected)) throw error;
    return { outcome: error.timedOut ? "silent" : "failed", extensions: "", seconds: seconds() };
  }
}

/**
 * Send a plain GET. Without credentials a 401 comes at once, and no login prompt. Any other answer
 * may be due to missing cookies, so it is asked for again with them. So is a 401 of a login by
 * cookie, which prompts nobody.
 *
 * @returns {Promise<object | null>} null without a response
 */
async function get(path, signal) {
  const without = await request(path, signal, "omit");
  const prompts = without?.status === UNAUTHORIZED && "www-authenticate" in without.headers;
  return prompts ? without : request(path, signal, "same-origin");
}

async function request(path, signal, credentials) {
  signal?.throwIfAborted();
  const started = performance.now();
  const timeOut = AbortSignal.timeout(SECONDS * 1000);
  try {
    const response = await fetch(path, {
      cache: "no-store",
      credentials,
      redirect: "manual",
      headers: { Accept: "application/problem+json, application/json, */*;q=0.1" },
      signal: signal ? AbortSignal.any([signal, timeOut]) : timeOut,
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: (await response.text()).slice(0, BODY_CHARACTERS),
      protocol: protocolOf(response.url),
      seconds: (performance.now() - started) / 1000,
    };
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}

/** @returns {string} such as "h2", or "" if the browser does not say */
function protocolOf(url) {
  return performance.getEntriesByName(url).at(-1)?.nextHopProtocol ?? "";
}

/** @returns {Promise<object>} what the server knows under the ID of a trace */
export async function seen(id, signal) {
  const stores = new Set();
  for (let reading = 0; reading < READINGS; reading += 1) {
    if (reading) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const trace = await readTrace(id, { signal });
    if (trace.state === "found") return { state: "found", attempts: trace.attempts, reason: "" };
    if (trace.state === "off") return unknown(`traces are off: ${trace.reason}`);
    if (trace.state === "unreadable") {
      return unknown("the traces of this server cannot be read here");
    }
    if (trace.droppedAt !== null) return unknown("this server had to drop traces for others");
    stores.add(trace.store);
  }
  if (stores.size > 1) {
    return unknown("several servers answer at this address, and do not share their traces");
  }
  return { state: "none", attempts: [], reason: "" };
}

function unknown(reason) {
  return { state: "unknown", attempts: [], reason };
}
