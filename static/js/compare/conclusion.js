import { formatDuration } from "../common/format.js";
import { expectedEmptyShare } from "./figures.js";

const FEWEST_POLLS = 10;
const FEWEST_EVENTS = 3;
const SIMILAR = 1.25; // a ratio up to this is "about the same"

/** @returns {string} such as "90.5 %", which is never broken into two lines */
export function formatShare(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

/**
 * What this run says about the claim that polling is mostly waste.
 *
 * @param {import("./figures.js").Figures[]} figures
 * @param {number} mean interval of the events in seconds
 * @returns {string[]} one sentence about the claim, then remarks
 */
export function conclude(figures, mean) {
  const way = Object.fromEntries(figures.map((one) => [one.id, one]));
  const polled = way.polling ?? way.conditional;
  if (!figures.some(({ events }) => events >= FEWEST_EVENTS)) {
    return ["Too few events so far for a conclusion."];
  }
  if (polled && polled.requests < FEWEST_POLLS) {
    return ["Too few polls so far for a conclusion."];
  }
  return [
    polled ? aboutTheClaim(polled, mean, way.websocket) : "Nothing polled in this run.",
    ...(way.polling && way.conditional ? aboutConditions(way.polling, way.conditional) : []),
    ...(way.long && way.websocket ? aboutLongPolling(way.long, way.websocket) : []),
  ];
}

function aboutTheClaim({ emptyShare, interval, ...polled }, mean, webSocket) {
  const expected = expectedEmptyShare(interval, mean);
  const found = `${formatShare(emptyShare)} of the polls found nothing `
    + `(theory: ${formatShare(expected)})`;
  const bytes = webSocket ? comparedBytes(polled, webSocket) : "";
  return `${verdict(emptyShare)}: ${found}${bytes}.`;
}

function verdict(emptyShare) {
  if (emptyShare >= 0.85) return "The article is right in this case";
  if (emptyShare >= 0.5) return "Most polls are waste here, but fewer than the article says";
  if (emptyShare >= 0.2) return "Most polls find something here";
  return "Polling is fine here";
}

function comparedBytes(polled, webSocket) {
  const ratio = polled.bytesPerEvent / webSocket.bytesPerEvent;
  if (!ratio || !Number.isFinite(ratio)) return "";
  if (ratio > SIMILAR) {
    return `, and each event took ${times(ratio)} the bytes that it took over the WebSocket`;
  }
  if (ratio < 1 / SIMILAR) {
    return `, and each event took fewer bytes than over the WebSocket (${times(ratio)})`;
  }
  return ", and each event took about as many bytes as over the WebSocket";
}

function times(ratio) {
  return `${ratio.toFixed(ratio < 10 ? 1 : 0)} times`;
}

function aboutConditions(polling, conditional) {
  if (!polling.bytesPerEvent || !conditional.bytesPerEvent) return [];
  const saved = 1 - conditional.bytesPerEvent / polling.bytesPerEvent;
  if (saved < 0.02) return ["Conditional polling saved no bytes: few answers were empty."];
  return [`Conditional polling saved ${formatShare(saved)} of the bytes: it saves the bodies of `
    + "empty answers, but not their headers."];
}

function aboutLongPolling(long, { delayMedian, bytesPerEvent }) {
  if (long.delayMedian === null || delayMedian === null) return [];
  const ratio = long.bytesPerEvent / bytesPerEvent;
  const isKnown = ratio && Number.isFinite(ratio);
  const bytes = isKnown ? `, with ${times(ratio)} its bytes for each event` : "";
  const [ofLong, ofSocket] = [long.delayMedian, delayMedian]
    // The clock's error can make one negative.
    .map((delay) => formatDuration(Math.max(0, delay)).replace(" ", "\u00a0"));
  return [`Long polling delivered events ${ofLong} after they happened, and the WebSocket `
    + `${ofSocket}${bytes}.`];
}
