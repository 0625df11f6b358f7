// Emoji that bug trackers display.
const MARKS = { good: "✅", notable: "⚠️", bad: "❌", unknown: "❔" };

/**
 * Write a diagnosis as Markdown for a bug report.
 *
 * @param {object} diagnosis
 * @param {string} diagnosis.verdict the sentence that sums it up
 * @param {string} diagnosis.page its address
 * @param {string} diagnosis.when
 * @param {string} diagnosis.browser
 * @param {object | null} diagnosis.server the part `server` of a report of /inspect
 * @param {{title: string, result: import("./check.js").Result}[]} diagnosis.checks
 */
export function toMarkdown({ verdict, page, when, browser, server, checks }) {
  const lines = [
    `## ${verdict}`,
    "",
    `- WebSocket diagnosis of ${page}`,
    `- When: ${when}`,
    `- Browser: ${browser}`,
    `- Server: ${server ? serverText(server) : "unknown"}`,
    "",
    "| Check | Verdict | Result |",
    "|---|---|---|",
    ...checks.map(row),
    ...checks.filter(({ result }) => needsWords(result)).flatMap(paragraph),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Write a diagnosis as JSON, with all measurements. Charts are left out, since they only show the
 * measurements; so is `unconnected`, which is for the runner.
 */
export function toJson({ verdict, page, when, browser, server, checks }) {
  const results = checks.map(({ id, title, result }) => {
    const { chart, unconnected, id: fault = null, ...rest } = result;
    return { id, title, fault, ...rest };
  });
  const report = { verdict, page, when, browser, server, checks: results };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function needsWords({ verdict, meaning }) {
  return meaning && !["good", "not run"].includes(verdict);
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

function paragraph({ title, result: { meaning, advice, details = [], cures = {} } }) {
  const blocks = Object.entries(cures).flatMap(([product, lines]) =>
    ["", `${product}:`, "```", lines, "```"]);
  const text = [meaning, advice].filter(Boolean).join(" ");
  const items = details.map(([name, value]) => `- ${name}: ${value}`);
  return ["", `**${title}**: ${text}`, ...(items.length ? ["", ...items] : []), ...blocks];
}
