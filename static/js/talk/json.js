const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** @returns {boolean} whether the text is a JSON object or array */
export function isObjectOrArray(text) {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Indent JSON. Strings and numbers stay as written: JSON.parse would round 12345678901234567890
 * and drop the first of two members with the same name.
 *
 * @param {string} text valid JSON
 * @returns {string}
 */
export function prettyPrint(text) {
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

// A new line starts after a comma, after an opening bracket and before a closing one. An empty
// object or array stays on one line.
function spaceBetween(before, token, depth) {
  const opened = before === "{" || before === "[";
  const closing = token === "}" || token === "]";
  if (before === ":") return " ";
  return before === "," || opened !== closing ? `\n${"  ".repeat(depth)}` : "";
}
