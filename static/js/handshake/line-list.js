import { element } from "../common/element.js";
import { headerMeaning } from "./header-meanings.js";
import { NOTHING } from "./inferred-changes.js";

const UNKNOWN = "This page does not know this header; ask whoever runs the proxies.";
const MASKED = "The server masked its value.";
const FIRST_LINES = {
  request: "The method, the address, and the version of HTTP. A WebSocket always starts with GET.",
  response: "The status 101: from here on, this connection is a WebSocket.",
};

/**
 * @typedef {object} Head of a request or a response
 * @property {string} line the first one
 * @property {[string, string][]} headers
 * @property {string[]} [masked] names of headers whose values are hidden
 */

/** @returns {string} the raw lines of a head */
export function rawText({ line, headers }) {
  return [line, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n");
}

/**
 * Make a list of lines with their explanations and changes. A header that is not in the head, but
 * changed, has a line, too.
 *
 * @param {"request" | "response"} half of the handshake
 * @param {Head} head
 * @param {import("./judged-changes.js").JudgedChange[]} changes
 * @returns {HTMLElement[]} the content of a description list (dl)
 */
export function lineList(half, head, changes) {
  const own = changes.filter(({ place }) => place === half);
  const lines = [...head.headers.map(([name, value]) => ({ name, value })), ...absent(head, own)];
  // The server sorts the request. A response has an order of its own.
  if (half === "request") lines.sort((one, other) => one.name.localeCompare(other.name));
  return [
    firstLine(half, head, changes.filter(({ place }) => half === "request" && place === "line")),
    ...lines.map((line) => headerLine(line, changeOf(own, line.name), head.masked ?? [])),
  ];
}

function absent({ headers }, changes) {
  const present = new Set(headers.map(([name]) => name.toLowerCase()));
  return changes
    .filter(({ header }) => !present.has(header.toLowerCase()))
    .map(({ header, kind, sent, arrived }) =>
      ({ name: header, value: kind === "added" ? arrived : sent, isRemoved: kind === "removed" }));
}

function changeOf(changes, name) {
  return changes.find(({ header }) => header.toLowerCase() === name.toLowerCase());
}

function firstLine(half, { line }, [change]) {
  const raw = [element("b", {}, line)];
  return row(change ? [element("mark", {}, ...raw)] : raw, change, FIRST_LINES[half]);
}

function headerLine({ name, value, isRemoved }, change, masked) {
  const raw = [element("b", {}, `${name}:`), ` ${value}`];
  const line = change ? [element(isRemoved ? "del" : "mark", {}, ...raw)] : raw;
  const meaning = headerMeaning(name) ?? UNKNOWN;
  return row(line, change, masked.includes(name) ? `${meaning} ${MASKED}` : meaning);
}

function row(line, change, meaning) {
  return element(
    "div",
    change ? { "data-kind": change.kind, "data-harmful": isHarmful(change) } : {},
    element("dt", {}, element("code", {}, ...line)),
    element("dd", {}, ...(change ? [changeText(change)] : []), element("p", {}, meaning)),
  );
}

function isHarmful({ harm, breaks }) {
  return Boolean(harm ?? breaks);
}

function changeText(change) {
  const label = isHarmful(change) ? `${change.label}, harmful` : change.label;
  const texts = change.note ? [` ${change.note}`] : [];
  return element(
    "p", { class: "change" }, element("strong", {}, `${label}:`), ...difference(change), ...texts);
}

function difference({ kind, sent, arrived }) {
  if (kind === "added") return [" this browser did not send it."];
  // The arrow never stands alone at the end of a line.
  const arrow = element("span", { class: "together" }, "→ arrived:");
  return [" sent: ", shown(sent), " ", arrow, " ", shown(arrived), "."];
}

function shown(value) {
  return value === NOTHING ? value : element("code", {}, value);
}
