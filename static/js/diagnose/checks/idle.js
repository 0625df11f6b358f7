import { Ended, TimedOut, withClient } from "../../common/client.js";
import { getBook } from "../../common/diagnosis/book.js";
import { gather, seen } from "../../common/diagnosis/evidence.js";
import { connectionFacts, idleFacts } from "../../common/diagnosis/facts.js";
import { formatDuration } from "../../common/format.js";
import { newTraceId } from "../../common/trace.js";
import { verdictResult } from "../verdict-result.js";

const YOUNGER = 2; // seconds; a busy connection is opened so much later than the idle one
const BUSY_SECONDS = 0.5; // how often it has a message
const REPLY_SECONDS = 10; // for the message after the idle time
const QUIET_ECHO = "echo?ping=off"; // the server's pings would keep it busy

/** Defaults of products that cannot be recognized. Others are named by their directive. */
const KNOWN_TIMEOUTS = [
  // cloud.google.com/load-balancing/docs/backend-service#timeout-setting
  { seconds: 30, name: "Google Cloud load balancer’s backend timeout" },
  // devcenter.heroku.com/articles/request-timeout
  { seconds: 55, name: "Heroku’s router" },
  // nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout
  { seconds: 60, name: "nginx’s proxy_read_timeout" },
  // docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
  { seconds: 60, name: "AWS load balancers’ idle timeout" },
  // httpd.apache.org/docs/2.4/mod/core.html#timeout, which ProxyTimeout takes over
  { seconds: 60, name: "Apache’s ProxyTimeout" },
  // developers.cloudflare.com/fundamentals/reference/connection-limits
  { seconds: 100, name: "Cloudflare’s proxy read timeout" },
  // learn.microsoft.com/azure/load-balancer/load-balancer-tcp-idle-timeout
  { seconds: 240, name: "Azure load balancer’s idle timeout (4 minutes)" },
  // docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html
  { seconds: 350, name: "AWS Network Load Balancer’s and NAT gateway’s idle timeout" },
  // docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
  { seconds: 600, name: "AWS API Gateway’s idle timeout (10 minutes)" },
];
const EARLY = 1; // seconds: the product's clock starts before the connection is open
const LATE = 2.5; // seconds: many products look at the clock only every second or two

/**
 * @param {number} bound seconds to wait at most
 * @returns {import("../check.js").Check}
 */
export function idle(bound) {
  return {
    id: "idle",
    title: "Idle time-out",
    needs: ["faults"],
    about: "Opens a connection, sends nothing on it, not even pings, and waits until something "
      + "cuts it. A second, busy connection shows whether other cuts happen too.",
    seconds: bound,
    limit: 3 * bound + 60,
    run: async (context) => judge(await measure(bound, context)),
  };
}

async function measure(bound, { signal, progress }) {
  const book = await getBook();
  const { evidence } = await gather("echo", signal);
  const { product } = connectionFacts(evidence, book);
  const id = newTraceId();
  const watched = await watch(bound, id, signal, progress);
  const { ages, apart } = watched;
  const isIdleOnly = ages[0] !== null && ages[1] === null;
  const again = isIdleOnly ? await cutAgain(1.3 * ages[0] + 2 * YOUNGER, signal) : null;
  const trace = await seen(id, signal);
  const measured = { ...watched, apart, again, attempt: trace.attempts.at(-1) ?? null };
  return { ...measured, product, unknown: trace.reason };
}

/** Open both connections, and wait for the end of the idle one. */
function watch(bound, id, signal, progress) {
  return withClient(QUIET_ECHO, { signal, trace: id }, async (quiet) => {
    const opened = performance.now();
    const age = () => (performance.now() - opened) / 1000;
    const show = () => progress(age() / bound, `idle for ${Math.floor(age())} s`);
    const timer = setInterval(show, 250);
    try {
      const early = await endOf(quiet, Math.min(YOUNGER, bound));
      if (early) return measured({ waited: age(), first: early, opened });
      return await withClient("echo", { signal }, (busy) =>
        watchBoth({ quiet, busy, bound, opened, age }));
    } finally {
      clearInterval(timer);
    }
  });
}

async function watchBoth({ quiet, busy, bound, opened, age }) {
  const busyOpened = performance.now();
  const stop = new AbortController();
  const busyEnd = keepBusy(busy, stop.signal);
  const first = await endOf(quiet, Math.max(0, bound - age()));
  const waited = age();
  const alive = !first && await isAlive(quiet);
  if (first) setTimeout(() => stop.abort(), 1.5 * YOUNGER * 1000);
  else stop.abort();
  const second = await busyEnd;
  return measured({ waited, first, second, opened, busyOpened, alive });
}

function measured({ waited, first = null, second = null, opened, busyOpened, alive = false }) {
  return {
    waited,
    alive,
    ages: [
      first ? (first.at - opened) / 1000 : null,
      second ? (second.at - busyOpened) / 1000 : null,
    ],
    apart: first && second ? (second.at - first.at) / 1000 : null,
    close: first ? [first.code, first.reason] : null,
  };
}

/** @returns {Promise<object | null>} the end of a connection, or null after so many seconds */
async function endOf(client, seconds) {
  try {
    const { code, reason } = await client.ended(seconds);
    return { code, reason, at: performance.now() };
  } catch (error) {
    if (error instanceof TimedOut) return null;
    throw error;
  }
}

async function keepBusy(client, signal) {
  while (!signal.aborted) {
    client.send("busy");
    const end = await endOf(client, BUSY_SECONDS);
    if (end) return end;
  }
  return null;
}

/** Send a message: a connection can be dropped without a sign. */
async function isAlive(client) {
  client.send("still there?");
  try {
    await client.next(REPLY_SECONDS);
    return true;
  } catch (error) {
    if (error instanceof Ended || error instanceof TimedOut) return false;
    throw error;
  }
}

/** @returns {Promise<number | null>} the age in seconds at which another idle one was cut */
function cutAgain(bound, signal) {
  return withClient(QUIET_ECHO, { signal }, async (client) => {
    const opened = performance.now();
    const end = await endOf(client, bound);
    return end && (end.at - opened) / 1000;
  });
}

/** @param {object} data see `idleFacts`, with `product` and `unknown` */
export async function judge(data) {
  const { product = "", unknown = "", ...measured } = data;
  const facts = { ...idleFacts(measured), product, unknown };
  const result = await verdictResult("idle", facts, {
    figure: figure(measured),
    details: [
      ["waited", formatDuration(measured.waited * 1000)],
      ["close code", measured.close ? String(measured.close[0]) : "none"],
      ["proxy", product || "not recognized"],
    ],
    data,
  });
  if (result.id === "idle-cut" && !product) result.meaning += possibleCause(measured.ages[0]);
  return result;
}

function figure({ waited, alive, ages }) {
  if (ages[0] !== null) return `cut after ${formatDuration(ages[0] * 1000)}`;
  return alive ? `alive after ${Math.floor(waited)} s` : "lost silently";
}

/** @returns {string} a sentence with a space before it, or nothing */
export function possibleCause(seconds) {
  const near = KNOWN_TIMEOUTS.filter((known) =>
    seconds > known.seconds - EARLY && seconds < known.seconds + LATE);
  if (!near.length) return "";
  const names = near.map(({ name }) => name).join(", or of ");
  return ` Possible cause: ${near[0].seconds} s is the default of ${names}.`;
}
