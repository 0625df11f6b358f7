const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** @returns {boolean} whether the text is a JSON object or array, which has a shape to be shown */
export function hasShape(text) {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * JSON with a line for each member. Strings and numbers stay as they are written: a parser would
 * round 12345678901234567890 and drop the first of two equal names.
 *
 * @param {string} text that is JSON
 * @returns {string}
 */
export function pretty(text) {
  let depth = 0;
  let before = "";
  return text.match(TOKENS).map((token) => {
    if (token === "}" || token === "]") depth -= 1;
    const space = spaceBetween(before, token, depth);
    if (token === "{" || token === "[") depth += 1;
    before = token;
    return space + token;
  }).join("");
}

// A line begins after a comma, after a bracket that opens and before one that closes; an empty
// object or array stays on one line.
function spaceBetween(before, token, depth) {
  const opened = before === "{" || before === "[";
  const closing = token === "}" || token === "]";
  if (before === ":") return " ";
  return before === "," || opened !== closing ? `\n${"  ".repeat(depth)}` : "";
}
