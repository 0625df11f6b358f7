import { formatClock } from "../common/clock.js";
import { ASSUMPTIONS, CLIENTS, extrapolate } from "./extrapolation.js";
import { COLUMNS, EXTRAPOLATED } from "./table.js";

/**
 * @typedef {object} Comparison
 * @property {string} page its address
 * @property {string} when
 * @property {string} browser
 * @property {import("./run.js").Settings} settings
 * @property {number} seconds how long the run took
 * @property {{offsetMs: number, errorMs: number}} clock
 * @property {string[]} remarks what may have spoiled the run
 * @property {string[]} conclusion
 * @property {import("./figures.js").Figures[]} figures
 */

/** @param {Comparison} comparison */
export function toMarkdown(comparison) {
  const { settings, figures, seconds } = comparison;
  return `${[
    `## Polling against WebSocket, at ${comparison.page}`,
    "",
    `- When: ${comparison.when}, for ${seconds.toFixed(0)} seconds`,
    `- Browser: ${comparison.browser}`,
    `- Events: one every ${settings.mean} s on average; a poll every ${settings.interval} s`,
    `- Clock of the server: ${formatClock(comparison.clock)}`,
    ...comparison.remarks.map((text) => `- ${text}`),
    "",
    ...table(["Way", ...COLUMNS.map(([title]) => title)],
      figures.map((one) => [one.title, ...COLUMNS.map(([, text]) => text(one))])),
    "",
    ...comparison.conclusion,
    "",
    ...CLIENTS.flatMap((clients) => extrapolation(figures, seconds, clients)),
    ASSUMPTIONS,
  ].join("\n")}\n`;
}

function extrapolation(figures, seconds, clients) {
  const rows = figures.map((one) => {
    const total = extrapolate(one, seconds, clients);
    return [one.title, ...EXTRAPOLATED.map(([, text]) => text(total))];
  });
  const title = `${clients.toLocaleString("en")} clients`;
  return [...table([title, ...EXTRAPOLATED.map(([name]) => name)], rows), ""];
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)];
}

/**
 * @param {Comparison} comparison
 * @param {Map<string, import("./tally.js").Tally>} tallies
 */
export function toJson(comparison, tallies) {
  const events = Object.fromEntries([...tallies].map(([id, tally]) => [id, tally.events]));
  const extrapolated = CLIENTS.map((clients) => ({
    clients,
    ways: comparison.figures.map((one) =>
      ({ id: one.id, ...extrapolate(one, comparison.seconds, clients) })),
  }));
  return `${JSON.stringify({ ...comparison, extrapolated, events }, null, 2)}\n`;
}

/** @returns {string} a line of figures for each way, in plain numbers (RFC 4180) */
export function toCsv({ figures }) {
  const names = Object.keys(figures[0]);
  const lines = figures.map((one) => names.map((name) => one[name] ?? "").join(","));
  return `${[names.join(","), ...lines].join("\r\n")}\r\n`;
}
