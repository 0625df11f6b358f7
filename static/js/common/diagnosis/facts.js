import { productsOf } from "./signatures.js";

// Each function has one of the same name in flask_echo/diagnosis/facts.py. The cases in tests/cases
// run against both.

const MARK = "flask-echo"; // the header that every response of the service has
const PARSER_PAGE = "<h1><p>"; // gunicorn writes this itself
const NO_CLOSE_FRAME = 1006; // RFC 6455, section 7.1.5
const LATE = 1.5; // seconds; a proxy that cannot connect says so at once

// Where the service has WebSockets, beside its root.
const OWN_PATHS = ["/echo", "/inspect", "/WS.ashx", "/events"];

// Milliseconds. Most distances on earth take less, and nobody notices a shorter stall.
const SLOW = 200;
const VERY_SLOW = 1000;
const STALL = 100;
const STALL_FACTOR = 10; // times the median
const BUSY = 10; // a client that is so late for its own timers has no time for messages, either

// Seconds. Many products look at the clock only every second, and squid cuts up to a second early
// or late.
const SAME_MOMENT = 0.75;
const SAME_AGE = 1.2;
const SAME_AGE_AGAIN = 2.2;
const SAME_AGE_SHARE = 0.1;

/**
 * @param {import("./evidence.js").Evidence} evidence
 * @param {import("./book.js").Book} book
 * @returns {object} what is known about an attempt to open a WebSocket
 */
export function connectionFacts(evidence, book) {
  const { asked, upgrade, control, health, trace } = evidence;
  const arrived = arrivedRequest(evidence);
  const refused = refusal(evidence);
  // A browser does not see the refusal of an upgrade, so the control has to do.
  const decisive = upgrade.answer ?? (by(control) === "service" ? null : control);
  const seen = products(evidence, book);
  return {
    upgrade: upgrade.outcome,
    why: upgrade.why,
    server_saw: serverSaw(trace, upgrade.answer),
    problem: refused.problem ?? "",
    http_1_0: arrived.version === "HTTP/1.0",
    key_arrived: Boolean(arrived["sec-websocket-key"]),
    origin_arrived: originArrived(evidence, arrived),
    path_arrived: pathRelation(asked.path, arrived.path),
    host_arrived: comparison(asked.host, arrived.host),
    status: statusName(decisive),
    by: by(decisive),
    late: [upgrade.answer, control].every((answer) => !answer || answer.seconds > LATE),
    control_late: Boolean(control) && control.seconds > LATE,
    control: controlState(evidence),
    ours: isOurs(evidence),
    health: healthState(health),
    product: seen.length === 1 ? seen[0] : "",
    products: seen.join(", "),
    shown_path: asked.path,
    shown_path_arrived: arrived.path ?? "",
    shown_host: asked.host,
    shown_host_arrived: arrived.host ?? "",
    shown_origin: asked.origin ?? "",
    shown_origin_arrived: arrived.origin ?? "",
    reason: String(refused.reason || refused.detail || ""),
    unknown: trace.reason || "the server saw no upgrade request",
  };
}

/** @returns {string} who wrote a response: service, parser, proxy, or empty without one */
export function by(answer) {
  if (!answer) return "";
  const { headers, status, body } = answer;
  if (MARK in headers) return "service";
  return status === 400 && body.includes(PARSER_PAGE) ? "parser" : "proxy";
}

function statusName(answer) {
  if (!answer) return "";
  const { status } = answer;
  const isRedirect = status === 0 || (status >= 300 && status < 400 && status !== 304);
  return isRedirect ? "redirect" : String(status);
}

function problemIn(answer) {
  if (by(answer) !== "service") return {};
  try {
    const problem = JSON.parse(answer.body);
    return problem && typeof problem === "object" && !Array.isArray(problem) ? problem : {};
  } catch {
    return {};
  }
}

function refusal({ trace, upgrade }) {
  const last = trace.attempts.at(-1);
  return last?.outcome === "refused" ? last.refusal : problemIn(upgrade.answer);
}

function serverSaw(trace, answer) {
  const last = trace.attempts.at(-1);
  if (last) return last.outcome === "refused" ? "refused" : "opened";
  if (by(answer) === "service") return "refused";
  return trace.state === "none" ? "nothing" : "unknown";
}

function controlState({ control, control_trace: trace }) {
  if (trace.attempts.length || by(control) === "service") return "found";
  return trace.state === "none" ? "nothing" : "unknown";
}

function isOurs({ upgrade, control, health, trace, control_trace: other }) {
  return trace.attempts.length + other.attempts.length > 0
    || [upgrade.answer, control, health].some((answer) => by(answer) === "service");
}

function healthState(answer) {
  return answer ? String(problemIn(answer).status || "foreign") : "none";
}

function arrivedRequest({ trace, upgrade, control }) {
  const last = trace.attempts.at(-1);
  if (last) return requestOf(last);
  const refused = toldBy(upgrade.answer);
  const told = Object.keys(refused).length ? refused : common(toldBy(control));
  const found = Object.entries(told)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name.toLowerCase(), String(value)]);
  const { "http version": version, ...rest } = Object.fromEntries(found);
  return version === undefined ? rest : { ...rest, version };
}

// Compare Origin, if anything but the control tells of the upgrade request.
function originArrived({ asked, trace, upgrade }, arrived) {
  const isTold = trace.attempts.length || Object.keys(toldBy(upgrade.answer)).length;
  return isTold ? comparison(asked.origin, arrived.origin) : "unknown";
}

function toldBy(answer) {
  const { arrived } = problemIn(answer);
  return arrived && typeof arrived === "object" && !Array.isArray(arrived) ? arrived : {};
}

// The control has no upgrade, so only what both requests have in common counts.
function common(told) {
  const names = ["HTTP version", "Path", "Host", "Via"];
  return Object.fromEntries(names.map((name) => [name, told[name]]));
}

/** @returns {object} the request of an attempt in a trace: path, version, headers */
export function requestOf({ request }) {
  const [, target, ...version] = request.line.split(" ");
  const headers = request.headers.map(([name, value]) => [name.toLowerCase(), value]);
  const path = target.split("?")[0];
  return { ...Object.fromEntries(headers), path, version: version.join(" ") };
}

function products(evidence, book) {
  const { upgrade, control, health, trace, control_trace: other } = evidence;
  const seen = [upgrade.answer, control, health].filter(Boolean);
  const traced = trace.attempts.at(-1) ?? other.attempts.at(-1);
  return productsOf(book, {
    responses: seen.map(({ headers }) => headers),
    pages: seen.filter((answer) => by(answer) === "proxy").map(({ body }) => body),
    request: traced ? requestOf(traced) : arrivedRequest(evidence),
  });
}

/** @returns {"same" | "changed" | "removed" | "added"} */
export function comparison(sent, arrived) {
  if (sent === null) return (arrived ?? null) === null ? "same" : "added";
  if ((arrived ?? null) === null) return "removed";
  return sent.toLowerCase() === arrived.toLowerCase() ? "same" : "changed";
}

/** @returns {"same" | "stripped" | "longer" | "other" | "unknown"} */
export function pathRelation(asked, arrived) {
  if ((arrived ?? null) === null) return "unknown";
  if (arrived === asked) return "same";
  if (arrived !== "/" && asked.endsWith(arrived)) return "stripped";
  // All of it was a prefix.
  if (arrived === "/" && !OWN_PATHS.some((path) => asked.endsWith(path))) return "stripped";
  return arrived.endsWith(asked) ? "longer" : "other";
}

/**
 * Only a trace tells what a proxy announces. Without one, that is null.
 * @returns {object} how the request of a WebSocket that has opened arrived
 */
export function arrivalFacts(evidence) {
  if (!evidence.trace.attempts.length) return { host_announced: null, prefix_announced: null };
  const arrived = arrivedRequest(evidence);
  const forwarded = (arrived["x-forwarded-host"] ?? "").toLowerCase().split(",");
  return {
    host_announced: forwarded.some((name) => name.trim() === evidence.asked.host.toLowerCase()),
    prefix_announced: Boolean(arrived["x-forwarded-prefix"]),
  };
}

/**
 * @param {import("./evidence.js").Evidence} evidence
 * @param {boolean} agreed whether the client sees compression in the answer
 */
export function compressionFacts(evidence, agreed) {
  const arrived = arrivedRequest(evidence);
  const last = evidence.trace.attempts.at(-1);
  return {
    agreed,
    answered: last ? (last.response?.extensions ?? []).some(deflates) : null,
    offer_arrived: last ? deflates(arrived["sec-websocket-extensions"] ?? "") : null,
    enabled: last?.limits?.compression ?? null,
  };
}

function deflates(extensions) {
  return extensions.includes("permessage-deflate");
}

/**
 * @param {number} count of messages
 * @param {number} median of the round-trip times in milliseconds
 * @param {number} p99 their 99th percentile
 * @param {number} [stall] how late the client is for its own timers, in milliseconds
 */
export function roundTripFacts(count, median, p99, stall = 0) {
  const uneven = isUneven(median, p99);
  const pace = paceOf(median);
  return {
    pace: uneven && pace === "good" ? "uneven" : pace,
    // A slow path is slow for a busy client, too.
    busy: stall > (pace === "good" ? BUSY : median / 2),
    count: String(count),
    median: duration(median),
    p99: duration(p99),
  };
}

/** @returns {boolean} whether some round trips took much longer than most, so that people notice */
export function isUneven(median, p99) {
  return p99 > STALL && p99 > STALL_FACTOR * median;
}

function paceOf(median) {
  if (median > VERY_SLOW) return "very slow";
  return median > SLOW ? "slow" : "good";
}

/**
 * @param {object} measured
 * @param {"all" | "slow" | "changed" | "ended" | "silent"} measured.outcome
 * @param {number} measured.largest the largest message that came back, in bytes
 * @param {number} measured.size the first that did not
 * @param {number | null} measured.limit of the server; null if nobody knows it
 * @param {number} measured.code of the Close frame; 1006 without one
 * @param {boolean} measured.repeated whether it failed again on a new connection
 */
export function sizeFacts({ outcome, largest, size, limit, code, repeated }) {
  return {
    outcome,
    largest: sizeText(largest),
    size: sizeText(size),
    limit: sizeText(limit ?? 0),
    code: String(code),
    repeated,
    below_limit: limit !== null && size <= limit,
  };
}

/**
 * @param {object} measured times in seconds
 * @param {number} measured.waited
 * @param {boolean} measured.alive whether it answered after the wait
 * @param {[number | null, number | null]} measured.ages of the idle connection and the busy one at
 *     their ends
 * @param {number | null} measured.apart from the end of the idle one to that of the busy one
 * @param {number | null} measured.again the age at which a second idle one ended
 * @param {[number, string] | null} measured.close code and reason of the end
 * @param {object | null} measured.attempt the server's trace of the idle one
 */
export function idleFacts({ waited, alive, ages, apart, again, close, attempt }) {
  const [age, otherAge] = ages;
  const pings = attempt?.limits?.ping_interval_seconds || 0;
  const end = attempt?.end ?? {};
  return {
    outcome: idleOutcome(alive, age, otherAge, apart),
    repeated: age !== null && again !== null && alike(age, again, SAME_AGE_AGAIN),
    pings: age !== null && pings > 0 && pings < age ? "often enough" : "too seldom",
    closed_by: closedBy(close, attempt),
    traced: attempt !== null,
    code: close ? String(close[0]) : "",
    waited: duration(waited * 1000),
    age: duration((age ?? 0) * 1000),
    other_age: duration((otherAge ?? 0) * 1000),
    reason: String(end.reason || close?.[1] || ""),
  };
}

// A Close frame may be the server's. Only its trace can tell.
function closedBy(close, attempt) {
  if (!attempt) return close && close[0] !== NO_CLOSE_FRAME ? "unknown" : "somebody";
  return close && attempt.end?.how === "close frame from the server" ? "server" : "somebody";
}

function idleOutcome(alive, age, otherAge, apart) {
  if (age === null) {
    if (otherAge !== null) return "other";
    return alive ? "alive" : "silent";
  }
  if (otherAge === null || apart === null) return "cut";
  if (Math.abs(apart) < SAME_MOMENT) return "cut together";
  return alike(age, otherAge, SAME_AGE) ? "lifetime" : "other";
}

function alike(one, other, seconds) {
  return Math.abs(one - other) < Math.max(seconds, SAME_AGE_SHARE * Math.max(one, other));
}

/** @returns {string} such as "4.2 ms", "61 ms" or "3.1 s" */
export function duration(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(0)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @returns {string} a number of bytes in the largest unit that divides it */
export function sizeText(count) {
  for (const [unit, size] of [["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (count && count % size === 0) return `${count / size} ${unit}`;
  }
  return `${count.toLocaleString("en")} ${count === 1 ? "byte" : "bytes"}`;
}
