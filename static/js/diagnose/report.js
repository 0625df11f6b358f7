const MARKS = { good: "✅", notable: "⚠️", bad: "❌" }; // what bug trackers show

/**
 * A diagnosis as Markdown, to be pasted into a bug report.
 *
 * @param {object} diagnosis
 * @param {string} diagnosis.page its address
 * @param {string} diagnosis.when
 * @param {string} diagnosis.browser
 * @param {object | null} diagnosis.server what /inspect said of it
 * @param {{title: string, result: import("./check.js").Result}[]} diagnosis.checks
 */
export function toMarkdown({ page, when, browser, server, checks }) {
  const lines = [
    `## WebSocket diagnosis of ${page}`,
    "",
    `- When: ${when}`,
    `- Browser: ${browser}`,
    `- Server: ${server ? serverText(server) : "did not say"}`,
    "",
    "| Check | Verdict | Figure |",
    "|---|---|---|",
    ...checks.map(row),
    ...checks.filter(({ result }) => result.verdict !== "good").flatMap(paragraph),
  ];
  return `${lines.join("\n")}\n`;
}

/** @returns {string} the same, with everything that was measured */
export function toJson({ page, when, browser, server, checks }) {
  const results = checks.map(({ id, title, result: { chart, unconnected, ...result } }) =>
    ({ id, title, ...result })); // a chart shows what is in the data; the other is for runAll
  return `${JSON.stringify({ page, when, browser, server, checks: results }, null, 2)}\n`;
}

function serverText({ host, process, software }) {
  const versions = Object.entries(software).map((pair) => pair.join(" ")).join(", ");
  return `process ${process} on ${host} (${versions})`;
}

function row({ title, result: { verdict, figure } }) {
  const mark = MARKS[verdict] ? `${MARKS[verdict]} ` : "";
  return `| ${title} | ${mark}${verdict} | ${cell(figure)} |`;
}

function cell(text) {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function paragraph({ title, result: { meaning, advice, details = [] } }) {
  const figures = details.map(([name, value]) => `- ${name}: ${value}`);
  const words = [meaning, advice].filter(Boolean).join(" ");
  return ["", `**${title}**: ${words}`, ...(figures.length ? ["", ...figures] : [])];
}
