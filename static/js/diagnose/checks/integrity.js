import { firstDifference } from "../../common/binary.js";
import { Ended, TimedOut, withClient } from "../../common/client.js";
import { plainEcho } from "../../common/features.js";
import { formatCount } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";
import { verdictResult } from "../verdict-result.js";

const STEP = 16; // of 16 characters one is sent, 70,000 in all
const CHARACTERS_PER_MESSAGE = 1024;
const BYTES_PER_CHARACTER = 4; // at most, in UTF-8
const PLANES = 17;

export const integrity = {
  id: "integrity",
  title: "Data integrity",
  needs: ["inspect"],
  about: "Sends every byte pair, and characters from all 17 Unicode planes, and compares the "
    + "replies.",
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const { report } = await inspect({ signal });
  const limit = report.limits.max_message_bytes;
  const binary = await exchange(binaryMessages(limit), signal);
  progress(0.5);
  const text = await exchange(textMessages(limit), signal);
  return { binary, text };
}

/** All 65,536 byte pairs, and an empty message. */
function binaryMessages(limit) {
  const messages = [new Uint8Array()];
  for (let first = 0; first < 256; first += 1) {
    const pairs = new Uint8Array(512);
    for (let second = 0; second < 256; second += 1) pairs.set([first, second], 2 * second);
    messages.push(...pieces(pairs, Math.min(512, limit)));
  }
  return messages;
}

/** Characters from all planes, and an empty message. */
function textMessages(limit) {
  const size = Math.floor(limit / BYTES_PER_CHARACTER);
  if (size === 0) return [""]; // some characters would not fit into a message
  const messages = [""];
  for (let plane = 0; plane < PLANES; plane += 1) {
    const cut = pieces(characters(plane), Math.min(CHARACTERS_PER_MESSAGE, size));
    messages.push(...cut.map((codes) => String.fromCodePoint(...codes)));
  }
  return messages;
}

/** Code points of a plane, its first and last included, surrogates excluded. */
function characters(plane) {
  const codes = [];
  for (let code = 0; code < 0x10000; code += STEP) {
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
 * @typedef {object} Exchange
 * @property {number} messages number of messages sent
 * @property {number} unchanged number of replies before the first damage
 * @property {{kind: string, words: string} | null} damage the first one: `changed`, `ended` or
 *     `silent`
 */

/**
 * Send all messages and compare the replies. Without compression, if possible, so that the path
 * sees the bytes as they are.
 *
 * @returns {Promise<Exchange>}
 */
async function exchange(messages, signal) {
  return withClient(plainEcho(), { signal }, async (client) => {
    for (const message of messages) client.send(message);
    for (const [index, sent] of messages.entries()) {
      const damage = await receive(client, sent);
      if (damage) return { messages: messages.length, unchanged: index, damage };
    }
    return { messages: messages.length, unchanged: messages.length, damage: null };
  });
}

async function receive(client, sent) {
  try {
    const words = damageTo(sent, (await client.next()).data);
    return words && { kind: "changed", words };
  } catch (error) {
    if (error instanceof Ended) {
      return { kind: "ended", words: `the connection ended with code ${error.code}` };
    }
    if (error instanceof TimedOut) return { kind: "silent", words: "there was no reply" };
    throw error;
  }
}

/** @returns {string | null} the damage in words, or null for an unchanged message */
function damageTo(sent, received) {
  if ((typeof sent === "string") !== (typeof received === "string")) {
    return typeof sent === "string" ? "text came back as binary" : "binary came back as text";
  }
  const isText = typeof sent === "string";
  const [before, after] = isText ? [[...sent], [...received]] : [sent, new Uint8Array(received)];
  const at = firstDifference(before, after);
  if (at < 0) return null;
  if (at >= before.length || at >= after.length) {
    return `${before.length} ${isText ? "characters" : "bytes"} came back as ${after.length}`;
  }
  return `${unitName(before[at])} came back as ${unitName(after[at])}`;
}

function unitName(value) {
  const [prefix, code, width] = typeof value === "string"
    ? ["U+", value.codePointAt(0), 4]
    : ["the byte 0x", value, 2];
  return prefix + code.toString(16).toUpperCase().padStart(width, "0");
}

/** @param {{binary: Exchange, text: Exchange}} data */
export function judge(data) {
  const { binary, text } = data;
  const damage = binary.damage ?? text.damage;
  const facts = { kind: damage?.kind ?? "", damage: damage?.words ?? "" };
  return verdictResult("integrity", facts, {
    timed: damage?.kind === "silent",
    figure: damage ? "damaged" : "unchanged",
    details: [
      ["binary", unchangedText(binary)],
      ["text", unchangedText(text)],
    ],
    data,
  });
}

function unchangedText({ messages, unchanged, damage }) {
  const count = `${unchanged} of ${formatCount(messages, "message")} unchanged`;
  return damage ? `${count}; ${damage.words}` : count;
}
