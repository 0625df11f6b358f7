import { firstDifference, randomBytes } from "../../common/binary.js";
import { Client, Ended, NotConnected, TimedOut, withClient } from "../../common/client.js";
import { plainEcho } from "../../common/features.js";
import { formatBytes, formatClose, formatDuration, formatRate } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";

// Frames encode their length differently from 126 and from 65,536 bytes on (RFC 6455, section 5.2).
const STEPS = [
  1, 125, 126, 1024, 4096, 16384, 65535, 65536, 262144, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26,
];
const LARGEST = 2 ** 26; // bytes; a phone has to hold it twice
const LARGE = 65536; // bytes; the time of smaller messages does not depend on their size
const SECONDS = 60; // for all steps; a step that would take longer is not started
const REPLY_SECONDS = 10; // for a message that is not large
const PROBES = 8; // bisection steps between the largest success and the first failure
const PROBE_SECONDS = 30;

// Default limits on the size of a message or a frame.
const KNOWN_LIMITS = [
  // docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
  { bytes: 32 * 1024, owner: "AWS API Gateway for a frame" },
  { bytes: 128 * 1024, owner: "AWS API Gateway for a message" },
  // tomcat.apache.org/tomcat-9.0-doc/web-socket-howto.html
  { bytes: 8 * 1024, owner: "Apache Tomcat" },
  // eclipse.dev/jetty/documentation, WebSocketPolicy
  { bytes: 64 * 1024, owner: "Jetty and Netty" },
  // websockets.readthedocs.io, max_size
  { bytes: 1024 * 1024, owner: "the Python library websockets" },
];

export const messageSize = {
  id: "message-size",
  title: "Message size",
  needs: ["inspect"],
  about: "Sends messages from 1 byte to the server’s limit and checks that they come back "
    + "unchanged.",
  seconds: 4,
  limit: 150,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const { report } = await inspect({ signal });
  const limit = report.limits.max_message_bytes;
  const steps = await trySizes(sizesUpTo(limit), signal, progress);
  const { survived, failure } = steps;
  const isLimit = failure && survived.length && failure.kind !== "changed";
  const bounds = isLimit ? await bisect(survived.at(-1).size, failure.size, signal) : null;
  return { limit, ...steps, bounds };
}

/** @returns {number[]} the sizes to try; the limit is the last */
function sizesUpTo(limit) {
  const last = Math.min(limit, LARGEST);
  return [...STEPS.filter((size) => size < last), last];
}

async function trySizes(sizes, signal, progress) {
  const survived = [];
  const deadline = performance.now() + SECONDS * 1000;
  const client = await Client.open(plainEcho(), { signal });
  try {
    for (const [index, size] of sizes.entries()) {
      if (performance.now() + expectedMs(size, survived) > deadline) {
        return { survived, failure: null, tooSlow: size };
      }
      const result = await trySize(client, size);
      if (result.kind) return { survived, failure: result, tooSlow: null };
      survived.push(result);
      progress((index + 1) / sizes.length, formatBytes(size));
    }
    return { survived, failure: null, tooSlow: null };
  } finally {
    client.close();
  }
}

/** The time that a size should take, from the time of the previous one; 0 for small sizes. */
function expectedMs(size, survived) {
  if (size <= LARGE) return 0;
  const last = survived.at(-1);
  return last.milliseconds * (size / last.size);
}

/** @returns {Promise<object>} the size with its time, or with the `kind` of failure */
async function trySize(client, size, seconds = SECONDS) {
  const sent = randomBytes(size);
  const started = performance.now();
  client.send(sent);
  try {
    const { data, at } = await client.next(size > LARGE ? seconds : REPLY_SECONDS);
    const difference = firstDifference(sent, new Uint8Array(data));
    if (difference >= 0) return { size, kind: "changed", difference };
    return { size, milliseconds: at - started };
  } catch (error) {
    const { code, reason } = error;
    if (error instanceof Ended) return { size, kind: "ended", code, reason };
    if (error instanceof TimedOut) return { size, kind: "no reply" };
    throw error;
  }
}

/**
 * Narrow the limit down, with a new connection for each size. Stop early if there is no connection
 * or no time left.
 */
async function bisect(good, bad, signal) {
  const deadline = performance.now() + PROBE_SECONDS * 1000;
  const bounds = { good, bad };
  for (let i = 0; i < PROBES && performance.now() < deadline; i += 1) {
    const size = Math.floor((bounds.good + bounds.bad) / 2);
    if (size === bounds.good) break;
    const survives = await probe(size, signal);
    if (survives === null) break;
    bounds[survives ? "good" : "bad"] = size;
  }
  return bounds;
}

/** @returns {Promise<boolean | null>} whether a message of this size came back; null if unknown */
async function probe(size, signal) {
  try {
    const exchange = (client) => trySize(client, size, REPLY_SECONDS);
    const { kind } = await withClient(plainEcho(), { signal }, exchange);
    return !kind;
  } catch (error) {
    if (error instanceof NotConnected) return null;
    throw error;
  }
}

/**
 * @param {object} data
 * @param {number} data.limit of the server
 * @param {{size: number, milliseconds: number}[]} data.survived
 * @param {object | null} data.failure the first one
 * @param {number | null} data.tooSlow the first size for which there was no time
 * @param {{good: number, bad: number} | null} data.bounds of the limit, narrowed down
 */
export function judge(data) {
  const { survived, bounds } = data;
  const largest = bounds?.good ?? survived.at(-1)?.size ?? 0;
  return {
    ...conclusion(data, largest),
    details: survived.map(({ size, milliseconds }) =>
      [formatBytes(size), formatDuration(milliseconds)]),
    chart: survived.length > 1 ? timesBySize(survived) : undefined,
    data,
  };
}

function conclusion(data, largest) {
  if (data.failure) return failed(data, largest);
  if (data.tooSlow) return tooSlow(data, largest);
  const limit = largest < data.limit
    ? ` The server accepts up to ${formatBytes(data.limit)}; this page does not try more.`
    : " That is the server’s limit.";
  return {
    verdict: "good",
    figure: `up to ${formatBytes(largest)}`,
    meaning: `Every size from 1 byte to ${formatBytes(largest)} came back unchanged.${limit}`,
  };
}

function tooSlow({ survived, tooSlow: next, limit }, largest) {
  const { size, milliseconds } = survived.at(-1);
  const speed = formatRate(size / (milliseconds / 1000));
  return {
    verdict: "notable",
    figure: `up to ${formatBytes(largest)}, slow`,
    meaning: `Every size up to ${formatBytes(largest)} came back unchanged. At ${speed} there was `
      + `no time to try ${formatBytes(next)}; the server’s limit is ${formatBytes(limit)}.`,
    advice: "Nothing is broken, but the connection is slow. See Throughput.",
  };
}

function failed({ failure, bounds, limit }, largest) {
  const action = failure.kind === "changed" ? "changes large messages" : "limits the message size";
  return {
    verdict: "bad",
    figure: largest ? `up to ${formatBytes(largest)}` : "none",
    meaning: `${failureText(failure)} ${largestText(largest)} The server accepts up to `
      + `${formatBytes(limit)}, so something on the path ${action}.`
      + possibleCause(largest, bounds?.bad),
    advice: "Raise the limit in the proxy, gateway or security software on the path, or split "
      + "large messages.",
  };
}

function failureText({ size, kind, code, reason, difference }) {
  const message = `message of ${formatBytes(size)}`;
  if (kind === "changed") return `Byte ${difference} of a ${message} came back changed.`;
  if (kind === "no reply") return `A ${message} got no reply.`;
  const how = code === 1006 ? "cut without a Close frame (1006)"
    : `closed with ${formatClose({ code, reason })}`;
  return `After a ${message} the connection was ${how}.`;
}

function largestText(largest) {
  if (!largest) return "No message came back.";
  return `The largest message that came back was ${formatBytes(largest)}.`;
}

// Products differ in whether a message of exactly the limit passes, so both bounds count.
function possibleCause(good, bad) {
  const known = KNOWN_LIMITS.find(({ bytes }) => good <= bytes && bytes <= bad);
  if (!known) return "";
  return ` Possible cause: ${formatBytes(known.bytes)} is the default limit of ${known.owner}.`;
}

function timesBySize(survived) {
  return {
    label: "Round-trip time by message size",
    x: { label: "bytes", values: survived.map(({ size }) => size), logarithmic: true },
    y: { label: "ms", values: survived.map((step) => step.milliseconds), logarithmic: true },
  };
}
