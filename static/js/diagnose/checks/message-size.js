import { Client, Ended, NotConnected, TimedOut, withClient } from "../../common/client.js";
import { inspect } from "../../common/inspect.js";
import { firstDifference, randomBytes } from "../../common/binary.js";
import { formatBytes, formatClose, formatDuration, formatRate } from "../../common/format.js";

// Around 126 and 65,536 the length of a frame is written in another way (RFC 6455, section 5.2).
const STEPS = [
  1, 125, 126, 1024, 4096, 16384, 65535, 65536, 262144, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26,
];
const LARGEST = 2 ** 26; // bytes; a phone has to hold it twice
const MESSAGE_OF_NOTE = 65536; // bytes; below, the time is that of the way and not of the size
const SECONDS = 60; // for the whole ladder; a step that would take longer is not begun
const SILENCE = 10; // seconds a message may take beyond what its size explains
const PROBES = 8; // halvings between the largest that survived and the first that did not
const PROBE_SECONDS = 30;

// Limits on the size of a message or a frame that are in force unless someone changed them.
const KNOWN_LIMITS = [
  // docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
  { bytes: 32 * 1024, who: "a frame at AWS API Gateway" },
  { bytes: 128 * 1024, who: "a message at AWS API Gateway" },
  // tomcat.apache.org/tomcat-9.0-doc/web-socket-howto.html
  { bytes: 8 * 1024, who: "Apache Tomcat" },
  // eclipse.dev/jetty/documentation, WebSocketPolicy
  { bytes: 64 * 1024, who: "Jetty and Netty" },
  // websockets.readthedocs.io, max_size
  { bytes: 1024 * 1024, who: "the Python library websockets" },
];

export const messageSize = {
  id: "message-size",
  title: "Sizes of messages",
  about: "Sends messages from 1 byte to the server’s limit and compares them byte for byte.",
  seconds: 4,
  limit: 150,
  run: async (context) => judge(await measure(context)),
};

/** @returns {number[]} the sizes to try under a limit, the limit itself the last */
function ladder(limit) {
  const last = Math.min(limit, LARGEST);
  return [...STEPS.filter((size) => size < last), last];
}

async function measure({ signal, progress }) {
  const { report } = await inspect({ signal });
  const limit = report.limits.max_message_bytes;
  const climbed = await climb(ladder(limit), signal, progress);
  const { survived, failure } = climbed;
  const limited = failure && survived.length && failure.kind !== "changed";
  const bounds = limited ? await narrow(survived.at(-1).size, failure.size, signal) : null;
  return { limit, ...climbed, bounds };
}

async function climb(sizesToTry, signal, progress) {
  const survived = [];
  const deadline = performance.now() + SECONDS * 1000;
  const client = await Client.open("echo?compress=off", { signal });
  try {
    for (const [index, size] of sizesToTry.entries()) {
      if (performance.now() + expected(size, survived) > deadline) {
        return { survived, failure: null, tooSlow: size };
      }
      const outcome = await attempt(client, size);
      if (outcome.kind) return { survived, failure: outcome, tooSlow: null };
      survived.push(outcome);
      progress((index + 1) / sizesToTry.length, formatBytes(size));
    }
    return { survived, failure: null, tooSlow: null };
  } finally {
    client.leave();
  }
}

/** The ms that a size should take, by what the one before it took; small ones say nothing. */
function expected(size, survived) {
  if (size <= MESSAGE_OF_NOTE) return 0;
  const last = survived.at(-1);
  return last.milliseconds * (size / last.size);
}

/** @returns {Promise<object>} size and time, and the `kind` of failure if it is one */
async function attempt(client, size, patience = SECONDS) {
  const sent = randomBytes(size);
  const started = performance.now();
  client.send(sent);
  try {
    const { data, at } = await client.next(size > MESSAGE_OF_NOTE ? patience : SILENCE);
    const difference = firstDifference(sent, new Uint8Array(data));
    if (difference >= 0) return { size, kind: "changed", difference };
    return { size, milliseconds: at - started };
  } catch (error) {
    const { code, reason } = error;
    if (error instanceof Ended) return { size, kind: "ended", code, reason };
    if (error instanceof TimedOut) return { size, kind: "silent" };
    throw error;
  }
}

/**
 * Halve what lies between a size that survived and one that did not; a connection for each. Where
 * none can be had any more, what is known by then must do.
 */
async function narrow(good, bad, signal) {
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

async function probe(size, signal) {
  try {
    const talk = (client) => attempt(client, size, SILENCE);
    const { kind } = await withClient("echo?compress=off", { signal }, talk);
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
 * @param {object | null} data.failure the first that did not
 * @param {number | null} data.tooSlow the size that was not tried for want of time
 * @param {{good: number, bad: number} | null} data.bounds the failure, narrowed down
 */
export function judge(data) {
  const { survived } = data;
  const largest = data.bounds?.good ?? survived.at(-1)?.size ?? 0;
  return {
    ...conclusion(data, largest),
    details: survived.map(({ size, milliseconds }) => [formatBytes(size), formatDuration(milliseconds)]),
    chart: survived.length > 1 ? timesBySize(survived) : undefined,
    data,
  };
}

function conclusion(data, largest) {
  if (data.failure) return failed(data, largest);
  if (data.tooSlow) return tooSlow(data, largest);
  const less = largest < data.limit
    ? ` The server takes ${formatBytes(data.limit)}; this page tries no more.`
    : " That is the server’s limit.";
  return {
    verdict: "good",
    figure: `up to ${formatBytes(largest)}`,
    meaning: `Every size from 1 byte to ${formatBytes(largest)} came back byte for byte.${less}`,
  };
}

function tooSlow({ survived, tooSlow: next, limit }, largest) {
  const { size, milliseconds } = survived.at(-1);
  return {
    verdict: "notable",
    figure: `${formatBytes(largest)} and slow`,
    meaning: `Up to ${formatBytes(largest)} every size came back byte for byte, but at `
      + `${formatRate(size / (milliseconds / 1000))} there was no time to try ${formatBytes(next)}, and the `
      + `server’s limit is ${formatBytes(limit)}.`,
    advice: "Nothing is broken here; the line is slow. See the throughput.",
  };
}

function failed({ failure, bounds, limit }, largest) {
  return {
    verdict: "bad",
    figure: largest ? `up to ${formatBytes(largest)}` : "none",
    meaning: `${happened(failure)} ${survivedText(largest)} The server itself takes `
      + `${formatBytes(limit)}, so something in between ${doing(failure)}.${guess(largest, bounds?.bad)}`,
    advice: "Raise the limit in the proxy, gateway or security software on the way, or send large "
      + "messages in parts.",
  };
}

function happened({ size, kind, code, reason, difference }) {
  const message = `a message of ${formatBytes(size)}`;
  if (kind === "changed") return `Of ${message}, byte ${difference} came back changed.`;
  if (kind === "silent") return `Of ${message} nothing came back.`;
  const end = code === 1006
    ? "cut without a close frame (1006)"
    : `closed with ${formatClose({ code, reason })}`;
  return `At ${message} the connection was ${end}.`;
}

function survivedText(largest) {
  return largest ? `The largest that survived has ${formatBytes(largest)}.` : "No size survived.";
}

function doing({ kind }) {
  return kind === "changed" ? "changes large messages" : "limits the size of a message";
}

// Some take a message of the limit itself and some do not, so both bounds may be it.
function guess(good, bad) {
  const known = KNOWN_LIMITS.find((limit) => good <= limit.bytes && limit.bytes <= bad);
  return known ? ` A guess: ${formatBytes(known.bytes)} is the default limit of ${known.who}.` : "";
}

function timesBySize(survived) {
  return {
    label: "Time there and back by size",
    x: { label: "bytes", values: survived.map(({ size }) => size), logarithmic: true },
    y: { label: "ms", values: survived.map((step) => step.milliseconds), logarithmic: true },
  };
}
