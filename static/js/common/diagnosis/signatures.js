/**
 * Name the proxy by what it writes. flask_echo/diagnosis/signatures.py does the same.
 *
 * @param {object[]} signatures of the book
 * @param {object} seen
 * @param {Object<string, string>[]} seen.responses headers by their name in lower case
 * @param {string[]} seen.pages bodies of errors that are not the service's
 * @param {Object<string, string>} seen.request headers as they arrived at the server
 * @returns {string} empty if nothing tells
 */
export function productOf(signatures, { responses, pages, request }) {
  const places = {
    response: responses,
    page: pages.map((page) => ({ "": page })),
    request: [request],
  };
  const found = signatures.find(({ place, patterns }) =>
    places[place].some((texts) => matches(patterns, texts)));
  return found?.product ?? "";
}

function matches(patterns, texts) {
  return Object.entries(patterns).every(([name, pattern]) =>
    new RegExp(pattern, "i").test(texts[name] ?? ""));
}
