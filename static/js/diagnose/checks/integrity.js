import { Ended, TimedOut, withClient } from "../../common/client.js";
import { inspect } from "../../common/inspect.js";
import { firstDifference } from "../../common/binary.js";
import { formatCount } from "../../common/format.js";

const EVERY = 16; // characters: one of so many is sent, 70,000 in all
const CHARACTERS_PER_MESSAGE = 1024;
const MOST_BYTES_PER_CHARACTER = 4; // in UTF-8
const PLANES = 17;

export const integrity = {
  id: "integrity",
  title: "Text and bytes unharmed",
  about: "Sends every pair of bytes, and characters from all 17 planes of Unicode, and compares "
    + "what comes back.",
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const { report } = await inspect({ signal });
  const most = report.limits.max_message_bytes;
  const binary = await exchange(binaryMessages(most), signal);
  progress(0.5);
  const text = await exchange(textMessages(most), signal);
  return { binary, text };
}

/** All 65,536 pairs of bytes, and nothing at all. */
function binaryMessages(most) {
  const messages = [new Uint8Array()];
  for (let first = 0; first < 256; first += 1) {
    const pairs = new Uint8Array(512);
    for (let second = 0; second < 256; second += 1) pairs.set([first, second], 2 * second);
    messages.push(...pieces(pairs, Math.min(512, most)));
  }
  return messages;
}

function textMessages(most) {
  const size = Math.floor(most / MOST_BYTES_PER_CHARACTER);
  if (size === 0) return [""]; // not every character would fit
  const messages = [""];
  for (let plane = 0; plane < PLANES; plane += 1) {
    const cut = pieces(characters(plane), Math.min(CHARACTERS_PER_MESSAGE, size));
    messages.push(...cut.map((codes) => String.fromCodePoint(...codes)));
  }
  return messages;
}

/** The first and the last of a plane and some of what is between, without the surrogates. */
function characters(plane) {
  const codes = [];
  for (let code = 0; code < 0x10000; code += EVERY) {
    if (plane > 0 || code < 0xd800 || code > 0xdfff) codes.push(plane * 0x10000 + code);
  }
  return [...codes, plane * 0x10000 + 0xffff];
}

function pieces(list, size) {
  const cut = [];
  for (let at = 0; at < list.length; at += size) cut.push(list.slice(at, at + size));
  return cut;
}

/**
 * Send all and compare what comes back. Uncompressed, so that what was sent is what is on the
 * wire, as something in between would see it.
 */
async function exchange(messages, signal) {
  return withClient("echo?compress=off", { signal }, async (client) => {
    for (const message of messages) client.send(message);
    for (const [index, sent] of messages.entries()) {
      const harm = await receive(client, sent);
      if (harm) return { messages: messages.length, survived: index, harm };
    }
    return { messages: messages.length, survived: messages.length, harm: null };
  });
}

async function receive(client, sent) {
  try {
    return harmOf(sent, (await client.next()).data);
  } catch (error) {
    if (error instanceof Ended) return `the connection was cut (${error.code})`;
    if (error instanceof TimedOut) return "nothing came back";
    throw error;
  }
}

/** @returns {string | null} what became of a message on its way, in words */
function harmOf(sent, received) {
  if ((typeof sent === "string") !== (typeof received === "string")) {
    return typeof sent === "string" ? "text came back as binary" : "binary came back as text";
  }
  const text = typeof sent === "string";
  const [before, after] = text ? [[...sent], [...received]] : [sent, new Uint8Array(received)];
  const at = firstDifference(before, after);
  if (at < 0) return null;
  if (at >= before.length || at >= after.length) {
    return `${before.length} ${text ? "characters" : "bytes"} came back as ${after.length}`;
  }
  return `${unit(before[at])} came back as ${unit(after[at])}`;
}

function unit(value) {
  const [prefix, code, width] = typeof value === "string"
    ? ["U+", value.codePointAt(0), 4]
    : ["the byte 0x", value, 2];
  return prefix + code.toString(16).toUpperCase().padStart(width, "0");
}

/** @param {{binary: object, text: object}} data how far each got, and what went wrong then */
export function judge(data) {
  const { binary, text } = data;
  const details = [
    ["binary", `${binary.survived} of ${formatCount(binary.messages, "message")} unharmed`],
    ["text", `${text.survived} of ${formatCount(text.messages, "message")} unharmed`],
  ];
  const harms = [["Binary", binary.harm], ["Text", text.harm]].filter(([, harm]) => harm);
  if (harms.length) {
    return {
      verdict: "bad",
      figure: "spoilt",
      meaning: `Messages do not come back as they went: ${told(harms)}.`,
      advice: "Something in between changes the bytes: a proxy or security software that takes "
        + "them for text or HTTP. Use wss://, so that it cannot read them.",
      details,
      data,
    };
  }
  return {
    verdict: "good",
    figure: "all equal",
    meaning: "Every pair of bytes and characters from all 17 planes of Unicode came back unharmed.",
    details,
    data,
  };
}

function told(harms) {
  return harms.map(([kind, harm]) => `${kind.toLowerCase()}: ${harm}`).join("; ");
}
