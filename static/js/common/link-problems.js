const LONGEST = 100; // characters of a value that are shown

/**
 * @param {URLSearchParams} query of a link
 * @param {string[]} known options
 * @returns {string[]} a sentence for each unknown option, which is ignored
 */
export function unknownOptions(query, known) {
  return [...new Set(query.keys())]
    .filter((name) => !known.includes(name))
    .map((name) => `“${name.slice(0, LONGEST)}” is not an option of this link: use `
      + `${known.join(", ")}.`);
}

/**
 * @param {string} name of an option
 * @param {string} value that is ignored
 * @param {string} allowed such as "0.1 to 60 (seconds)"
 * @returns {string} a sentence
 */
export function notAllowed(name, value, allowed) {
  return `${name}=${value.slice(0, LONGEST)} in the link is not allowed: use ${allowed}.`;
}
