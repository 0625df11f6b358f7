import { Ended, TimedOut, withClient } from "../../common/client.js";
import { inspect } from "../../common/inspect.js";
import { fetchHealthHeaders } from "../health.js";
import { formatClose, formatDuration } from "../../common/format.js";

const ANSWER_SECONDS = 10; // for the message after the silence

/**
 * Time-outs for silent connections that are in force unless someone changed them. `sign` is
 * what such a machine writes into the headers Server or Via of any answer.
 */
const KNOWN_TIMEOUTS = [
  // cloud.google.com/load-balancing/docs/backend-service#timeout-setting
  { seconds: 30, name: "Google Cloud load balancer’s backend timeout", sign: /google/i },
  // haproxy.cfg as packaged by Debian and Ubuntu; HAProxy itself has no default
  { seconds: 50, name: "HAProxy’s timeout client and timeout server, as Debian packages it" },
  // devcenter.heroku.com/articles/request-timeout
  { seconds: 55, name: "Heroku’s router", sign: /vegur|heroku/i },
  // nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout
  { seconds: 60, name: "nginx’s proxy_read_timeout", sign: /nginx/i },
  // docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
  { seconds: 60, name: "AWS load balancers’ idle timeout", sign: /awselb/i },
  // httpd.apache.org/docs/2.4/mod/core.html#timeout, which ProxyTimeout takes over
  { seconds: 60, name: "Apache’s ProxyTimeout", sign: /apache/i },
  // developers.cloudflare.com/fundamentals/reference/connection-limits
  { seconds: 100, name: "Cloudflare’s proxy read timeout", sign: /cloudflare/i },
  // learn.microsoft.com/azure/load-balancer/load-balancer-tcp-idle-timeout
  { seconds: 240, name: "Azure load balancer’s idle timeout (4 minutes)", sign: /azure/i },
  // envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts, stream_idle_timeout
  { seconds: 300, name: "Envoy’s stream idle timeout (5 minutes)", sign: /envoy/i },
  // docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html
  { seconds: 350, name: "AWS Network Load Balancer’s and NAT gateway’s idle timeout" },
  // docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
  { seconds: 600, name: "AWS API Gateway’s idle timeout (10 minutes)" },
];
const EARLY = 1; // seconds: clocks start a little before the connection is open
const LATE = 2.5; // many look at their clocks only once a second or two

/**
 * @param {number} bound seconds of silence to try
 * @returns {import("../check.js").Check}
 */
export function idle(bound) {
  return {
    id: "idle",
    title: "Idle time-out",
    about: "Opens a connection on which nobody says anything, not even a ping, and waits until "
      + "something cuts it.",
    seconds: bound,
    limit: bound + 60,
    run: async (context) => judge(await measure(bound, context)),
  };
}

async function measure(bound, { signal, progress }) {
  const hint = await hints(signal);
  const { report } = await inspect({ signal });
  const silence = await keepSilent(bound, signal, progress);
  return { bound, hint, pings: report.limits.ping_interval_seconds, ...silence };
}

async function keepSilent(bound, signal, progress) {
  return withClient("echo?ping=off", { signal }, async (client) => {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const show = () => progress(seconds() / bound, `${Math.floor(seconds())} s of silence`);
    const clock = setInterval(show, 250);
    try {
      const { code, reason } = await client.ended(bound);
      return { seconds: seconds(), cut: { code, reason }, alive: false };
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      return { seconds: seconds(), cut: null, alive: await isAlive(client) };
    } finally {
      clearInterval(clock);
    }
  });
}

/** What the machine in front calls itself. */
async function hints(signal) {
  const headers = await fetchHealthHeaders(signal);
  return [headers.get("server"), headers.get("via")].filter(Boolean).join(" ");
}

/** A connection may be lost without a word: only a message tells. */
async function isAlive(client) {
  client.send("still there?");
  try {
    await client.next(ANSWER_SECONDS);
    return true;
  } catch (error) {
    if (error instanceof Ended || error instanceof TimedOut) return false;
    throw error;
  }
}

/**
 * @param {object} data
 * @param {number} data.bound seconds that were tried at most
 * @param {number} data.seconds of silence
 * @param {{code: number, reason: string} | null} data.cut how it ended, if it did
 * @param {boolean} data.alive whether a message after the silence came back
 * @param {string} data.hint what the machine in front calls itself, or ""
 * @param {number} data.pings seconds between the pings of the server where they are on, 0 for none
 */
export function judge(data) {
  const waited = formatDuration(data.seconds * 1000);
  const details = [["waited", waited], ["headers Server and Via", data.hint || "none"]];
  if (data.cut) return { ...wasCut(data), details, data };
  return { ...(data.alive ? survived(data) : lost(data)), details, data };
}

function wasCut({ seconds, cut, hint, pings }) {
  const after = formatDuration(seconds * 1000);
  const bridged = pings > 0 && pings < seconds;
  const how = cut.code === 1006 ? "without a close frame (1006)" : `with ${formatClose(cut)}`;
  return {
    verdict: bridged ? "notable" : "bad",
    figure: `cut after ${after}`,
    meaning: `The silent connection was cut after ${after}, ${how}. ${guess(seconds, hint)}`,
    advice: "Raise that time-out, or have a ping sent well before it. This server sends one "
      + `${pings ? `every ${pings} s` : "never"} (FLASK_ECHO_PING_INTERVAL_SECONDS; it was off `
      + `for this check), which is ${bridged ? "often" : "not often"} enough.`,
  };
}

/** @returns {string} a sentence, marked as a guess */
export function guess(seconds, hint) {
  const near = KNOWN_TIMEOUTS.filter((known) =>
    seconds > known.seconds - EARLY && seconds < known.seconds + LATE);
  if (!near.length) return "No default that this page knows: someone chose it, or a fault did.";
  const signed = near.filter(({ sign }) => sign?.test(hint));
  const names = (signed.length ? signed : near).map(({ name }) => name);
  return `A guess: ${near[0].seconds} s is the default of ${names.join(", or of ")}.`;
}

function survived({ seconds }) {
  return {
    verdict: "good",
    figure: `${Math.floor(seconds)} s and alive`,
    meaning: `After ${Math.floor(seconds)} s of silence the connection still answered.`,
    advice: "A longer time-out may still be there: try more if yours stay silent for longer.",
  };
}

function lost({ seconds }) {
  return {
    verdict: "bad",
    figure: "lost in silence",
    meaning: `After ${Math.floor(seconds)} s of silence the connection looked open, but a message `
      + "got no answer: something in between, often NAT or a firewall, forgot it without a word.",
    advice: "Send pings more often than that, and let clients give up on a connection that does "
      + "not answer.",
  };
}
