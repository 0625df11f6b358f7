import { Client, NotConnected } from "../client.js";
import { isOffered } from "../features.js";
import { newTraceId, readTrace, withTrace } from "../trace.js";

const SECONDS = 5; // for each plain request
const OPEN_SECONDS = 5;
const BODY_CHARACTERS = 65_536;
const TURNED_OFF = "traces are off: the operator of this server has turned them off";
const READINGS = 4; // of a trace: several machines behind one address answer in turn
const PAUSE_MS = 100;
const UNAUTHORIZED = 401;
const MORE_TRIES = 2;
const LATE_MS = 1_000;
const AGAIN_MS = 2_000; // a plain request that took longer is not sent again
const SLOW_MS = 1_000; // for a handshake; then the next tries begin, so that all end within 10 s

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
  const first = begin(path, signal);
  return await isQuick(first.opening) ? inTurn(first, path, signal) : together(first, path, signal);
}

/**
 * Gather what a plain request tells of a WebSocket that has failed to open. Nothing is known of its
 * trace, so nobody is accused of losing the upgrade.
 *
 * @param {string} path relative to the page, or a whole address of this server
 * @returns {Promise<Evidence>}
 */
export async function glance(path) {
  return {
    asked: asked(path),
    upgrade: { outcome: "failed", why: "", answer: null },
    control: await get(path),
    health: null,
    trace: unknown("nobody asked for it"),
    control_trace: unknown("nobody asked for it"),
  };
}

async function inTurn(first, path, signal) {
  let found = await first.found;
  for (let more = 0; more < MORE_TRIES && needsProof(found.evidence); more += 1) {
    found = await begin(path, signal).found;
  }
  return found;
}

/** Try again while the first attempt waits for its answer: one after the other takes too long. */
async function together(first, path, signal) {
  const more = Array.from({ length: MORE_TRIES }, () => begin(path, signal).found);
  const tries = [first.found, ...more];
  try {
    return await Promise.any(tries.map(proven));
  } catch {
    return tries.at(-1);
  }
}

async function proven(attempt) {
  const found = await attempt;
  if (needsProof(found.evidence)) throw new Error("an attempt that needs proof");
  return found;
}

/** @returns {Promise<boolean>} whether a promise is fulfilled, or rejected, after a short time */
function isQuick(promise) {
  const slow = new Promise((resolve) => setTimeout(() => resolve(false), SLOW_MS));
  return Promise.race([promise.then(() => true, () => true), slow]);
}

// Time alone is no proof. And of several machines behind one address, the one that tells of no
// upgrade request may not be the one that got it: a browser keeps its connection to one of them.
function needsProof({ upgrade, trace }) {
  return upgrade.outcome === "silent" || (upgrade.outcome !== "open" && trace.state === "none");
}

/** Begin an attempt. `opening` ends with the handshake, `found` when all is gathered. */
function begin(path, signal) {
  const [id, controlId] = [newTraceId(), newTraceId()];
  const opening = open(path, id, signal);
  return { opening, found: gathered({ path, id, controlId, opening, signal }) };
}

async function gathered({ path, id, controlId, opening, signal }) {
  const [opened, trace, [control, health]] = await Promise.all([
    opening,
    seenAfter(opening, id, signal),
    answers(path, controlId, opening, signal),
  ]);
  const isOpen = opened.outcome === "open";
  const evidence = {
    asked: asked(path),
    upgrade: { outcome: opened.outcome, why: "", answer: null },
    control: isOpen ? null : control,
    health,
    trace,
    control_trace: isOpen ? unknown("there was no control") : await seen(controlId, signal),
  };
  return { evidence, extensions: opened.extensions, seconds: opened.seconds };
}

// Without a failure there is nothing to compare with, and a browser logs each 426. A handshake that
// takes long is likely to fail.
async function answers(path, controlId, opening, signal) {
  const isOpen = await isQuick(opening) && (await opening).outcome === "open";
  return Promise.all([
    isOpen ? null : get(withTrace(path, controlId), signal),
    get("healthz", signal),
  ]);
}

/** A busy server may read a request only after the client has given up. */
async function seenAfter(opening, id, signal) {
  const { outcome } = await opening;
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
 * cookie, which prompts nobody. After a slow answer or a time-out, nothing is asked again: the
 * second request would take as long.
 *
 * @returns {Promise<object | null>} null without a response
 */
async function get(path, signal) {
  const started = performance.now();
  const without = await request(path, signal, "omit");
  const prompts = without?.status === UNAUTHORIZED && "www-authenticate" in without.headers;
  const tookLong = performance.now() - started > AGAIN_MS;
  return prompts || tookLong ? without : request(path, signal, "same-origin");
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
  if (!isOffered("traces")) return unknown(TURNED_OFF);
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
