import { firstDifference, randomBytes } from "../../common/binary.js";
import { Client, Ended, NotConnected, TimedOut, withClient } from "../../common/client.js";
import { plainEcho } from "../../common/features.js";
import { sizeFacts } from "../../common/diagnosis/facts.js";
import { formatBytes, formatDuration } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";
import { verdictResult } from "../verdict-result.js";

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
  // Before anybody is accused, the size that failed is tried again.
  const repeated = Boolean(isLimit) && (await probe(failure.size, signal, SECONDS)) !== true;
  const bounds = repeated ? await bisect(survived.at(-1).size, failure.size, signal) : null;
  return { limit, ...steps, bounds, repeated };
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
async function probe(size, signal, seconds = REPLY_SECONDS) {
  try {
    const exchange = (client) => trySize(client, size, seconds);
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
 * @param {boolean} data.repeated whether the size that failed did so again
 */
export async function judge(data) {
  const { survived, bounds, failure, tooSlow, limit, repeated } = data;
  const largest = bounds?.good ?? survived.at(-1)?.size ?? 0;
  const size = bounds?.bad ?? failure?.size ?? tooSlow ?? 0;
  const measured = {
    outcome: OUTCOMES[failure?.kind] ?? (tooSlow ? "slow" : "all"),
    largest,
    size,
    limit,
    code: failure?.code ?? 0,
    repeated,
  };
  const result = await verdictResult("message-size", sizeFacts(measured), {
    timed: ["slow", "silent"].includes(measured.outcome),
    figure: figure(failure, tooSlow, largest),
    details: survived.map((step) => [formatBytes(step.size), formatDuration(step.milliseconds)]),
    chart: survived.length > 1 ? timesBySize(survived) : undefined,
    data,
  });
  if (result.id === "message-size") result.meaning += possibleCause(largest, size);
  return result;
}

const OUTCOMES = { changed: "changed", ended: "ended", "no reply": "silent" };

function figure(failure, tooSlow, largest) {
  if (!largest) return "none";
  const upTo = `up to ${formatBytes(largest)}`;
  return !failure && tooSlow ? `${upTo}, slow` : upTo;
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
