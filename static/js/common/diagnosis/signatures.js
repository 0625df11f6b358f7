/**
 * Name the proxies by what they write. flask_echo/diagnosis/signatures.py does the same.
 *
 * @param {import("./book.js").Book} book
 * @param {object} seen
 * @param {Object<string, string>[]} seen.responses headers by their name in lower case
 * @param {string[]} seen.pages bodies of errors that are not the service's
 * @param {Object<string, string>} seen.request headers as they arrived at the server
 * @returns {string[]}
 */
export function productsOf({ signatures, like }, { responses, pages, request }) {
  const places = {
    response: responses,
    page: pages.map((page) => ({ "": page })),
    request: [request],
  };
  const found = signatures
    .filter(({ place, patterns }) => places[place].some((texts) => matches(patterns, texts)))
    .map(({ product }) => product);
  const implied = found.map((product) => like[product]);
  return [...new Set(found)].filter((product) => !implied.includes(product));
}

function matches(patterns, texts) {
  return Object.entries(patterns).every(([name, pattern]) =>
    new RegExp(pattern, "i").test(texts[name] ?? ""));
}
