import { element } from "../common/element.js";
import { formatDuration } from "../common/format.js";
import { formatShare } from "./conclusion.js";
import { CLIENTS, extrapolate } from "./extrapolation.js";

const NONE = "–";

/**
 * The columns of the table of ways. Exports have the same.
 *
 * @type {[string, function(import("./figures.js").Figures): string][]}
 */
export const COLUMNS = [
  ["Requests", ({ requests }) => requests.toLocaleString("en")],
  ["Events", ({ events }) => events.toLocaleString("en")],
  ["Empty answers", ({ empty, emptyShare }) => orNone(empty, (count) =>
    `${count.toLocaleString("en")} (${formatShare(emptyShare)})`)],
  ["Bytes from the server", ({ sentBytes }) => orNone(sentBytes, rounded)],
  ["Bytes to the server", ({ receivedBytes }) => orNone(receivedBytes, rounded)],
  ["Bytes per event", ({ bytesPerEvent }) => orNone(bytesPerEvent, rounded)],
  ["Delay, median", ({ delayMedian }) => orNone(delayMedian, formatDelay)],
  ["Delay, p95", ({ delayP95 }) => orNone(delayP95, formatDelay)],
  ["CPU time", ({ cpuSeconds }) => orNone(cpuSeconds, formatCpu)],
  ["CPU per event", ({ cpuPerEvent }) => orNone(cpuPerEvent, formatCpu)],
  ["Failures", ({ failures }) => failures.toLocaleString("en")],
];

function orNone(value, format) {
  return value === null ? NONE : format(value);
}

function rounded(value) {
  return Math.round(value).toLocaleString("en");
}

// The error of the clock can make a delay negative.
function formatDelay(milliseconds) {
  return formatDuration(Math.max(0, milliseconds));
}

function formatCpu(seconds) {
  return `${(seconds * 1000).toFixed(2)} ms`;
}

/** The columns of the extrapolation, for one number of clients. */
export const EXTRAPOLATED = [
  ["Requests or messages per second", ({ requests }) => significant(requests)],
  ["MB per second", ({ megabytes }) => orNone(megabytes, significant)],
  ["CPU seconds per second", ({ cpuSeconds }) => orNone(cpuSeconds, significant)],
];

function significant(value) {
  return Number(value.toPrecision(2)).toLocaleString("en", { maximumFractionDigits: 4 });
}

/** Show the figures of all ways in the body of a table. */
export function fillTable(body, figures) {
  body.replaceChildren(...figures.map((one) => row(one, COLUMNS.map(([, text]) => text(one)))));
}

/** Show what the figures would be for many clients. */
export function fillExtrapolation(body, figures, seconds) {
  body.replaceChildren(...figures.map((one) => {
    const totals = CLIENTS.map((clients) => extrapolate(one, seconds, clients));
    return row(one, totals.flatMap((total) => EXTRAPOLATED.map(([, text]) => text(total))));
  }));
}

function row({ id, title }, cells) {
  const mark = element("span", { class: "mark", "data-way": id, "aria-hidden": "true" });
  return element("tr", {},
    element("th", { scope: "row" }, mark, title),
    ...cells.map((text) => element("td", {}, text)));
}
