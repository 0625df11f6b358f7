/**
 * @param {string} wanted a text to find, or a regular expression between slashes; case is ignored
 * @returns {(function(string): boolean) | null} whether a content passes; null if the regular
 *     expression is invalid
 */
export function filterOf(wanted) {
  const expression = /^\/(.+)\/$/s.exec(wanted)?.[1];
  if (expression !== undefined) return matcherOf(expression);
  const text = wanted.toLowerCase();
  return (content) => content.toLowerCase().includes(text);
}

function matcherOf(expression) {
  try {
    const pattern = new RegExp(expression, "iu");
    return (content) => pattern.test(content);
  } catch {
    return null;
  }
}
