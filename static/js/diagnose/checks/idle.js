import { Ended, TimedOut, withClient } from "../../common/client.js";
import { formatClose, formatDuration } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";
import { fetchHealthHeaders } from "../health.js";

const REPLY_SECONDS = 10; // for the message after the idle time

/**
 * Default time-outs for idle connections. `sign` matches the header Server or Via of the product.
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
    needs: ["inspect", "faults"],
    about: "Opens a connection, sends nothing on it, not even pings, and waits until something "
      + "cuts it.",
    seconds: bound,
    limit: bound + 60,
    run: async (context) => judge(await measure(bound, context)),
  };
}

async function measure(bound, { signal, progress }) {
  const hint = await proxyHint(signal);
  const { report } = await inspect({ signal });
  const end = await waitIdle(bound, signal, progress);
  return { bound, hint, pings: report.limits.ping_interval_seconds, ...end };
}

async function waitIdle(bound, signal, progress) {
  return withClient("echo?ping=off", { signal }, async (client) => {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const show = () => progress(seconds() / bound, `idle for ${Math.floor(seconds())} s`);
    const timer = setInterval(show, 250);
    try {
      const { code, reason } = await client.ended(bound);
      return { seconds: seconds(), cut: { code, reason }, alive: false };
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      return { seconds: seconds(), cut: null, alive: await isAlive(client) };
    } finally {
      clearInterval(timer);
    }
  });
}

/** @returns {Promise<string>} the names that servers and proxies give themselves, or "" */
async function proxyHint(signal) {
  const headers = await fetchHealthHeaders(signal);
  return [headers.get("server"), headers.get("via")].filter(Boolean).join(" ");
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

/**
 * @param {object} data
 * @param {number} data.bound seconds to wait at most
 * @param {number} data.seconds the connection was idle
 * @param {{code: number, reason: string} | null} data.cut the close event, if there was one
 * @param {boolean} data.alive whether a message after the idle time came back
 * @param {string} data.hint the headers Server and Via, or ""
 * @param {number} data.pings seconds between the server's pings on other connections; 0 for none
 */
export function judge(data) {
  const waited = formatDuration(data.seconds * 1000);
  const details = [["waited", waited], ["headers Server and Via", data.hint || "none"]];
  if (data.cut) return { ...wasCut(data), details, data };
  return { ...(data.alive ? survived(data) : lost(data)), details, data };
}

function wasCut({ seconds, cut, hint, pings }) {
  const after = formatDuration(seconds * 1000);
  const how = cut.code === 1006 ? "without a Close frame (1006)" : `with ${formatClose(cut)}`;
  return {
    verdict: pings > 0 && pings < seconds ? "notable" : "bad",
    figure: `cut after ${after}`,
    meaning: `The idle connection was cut after ${after}, ${how}. ${possibleCause(seconds, hint)}`,
    advice: `Raise that time-out, or send a ping well before it. ${pingText(pings, seconds)}`,
  };
}

function pingText(pings, seconds) {
  if (pings === 0) return "This server never pings (FLASK_ECHO_PING_INTERVAL_SECONDS is 0).";
  const often = pings < seconds ? "often enough" : "not often enough";
  return `This server pings every ${pings} s (FLASK_ECHO_PING_INTERVAL_SECONDS; off for this `
    + `check), which is ${often}.`;
}

/** @returns {string} a sentence */
export function possibleCause(seconds, hint) {
  const near = KNOWN_TIMEOUTS.filter((known) =>
    seconds > known.seconds - EARLY && seconds < known.seconds + LATE);
  if (!near.length) return "Not a known default; probably configured, or a fault.";
  const signed = near.filter(({ sign }) => sign?.test(hint));
  const names = (signed.length ? signed : near).map(({ name }) => name);
  return `Possible cause: ${near[0].seconds} s is the default of ${names.join(", or of ")}.`;
}

function survived({ seconds }) {
  return {
    verdict: "good",
    figure: `alive after ${Math.floor(seconds)} s`,
    meaning: `The connection still worked after ${Math.floor(seconds)} s without traffic.`,
    advice: "There may still be a longer time-out; choose a longer wait if your connections stay "
      + "idle longer.",
  };
}

function lost({ seconds }) {
  return {
    verdict: "bad",
    figure: "lost silently",
    meaning: `After ${Math.floor(seconds)} s the idle connection looked open, but a message got no `
      + "reply: something on the path, often NAT or a firewall, dropped it silently.",
    advice: "Send pings more often than that, and let clients drop a connection that does not "
      + "reply.",
  };
}
