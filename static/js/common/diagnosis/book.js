/**
 * The rules of the diagnosis, the signatures of products, and the cures, as the server has them.
 *
 * @typedef {object} Book
 * @property {Object<string, Rule[]>} rules by check; the first that holds is the verdict
 * @property {{product: string, place: string, patterns: Object<string, string>}[]} signatures
 * @property {Object<string, Object<string, string>>} cures lines by product and fault
 * @property {Object<string, string[]>} families products that look like another one
 * @property {Object<string, string>} same faults that the same lines cure
 * @property {Object<string, string>} like products that look like another one, too
 *
 * @typedef {object} Rule
 * @property {string} id
 * @property {string} verdict
 * @property {string} place
 * @property {Object<string, (string | boolean | null)[]>} when the values a fact may have
 * @property {string} meaning
 * @property {string} advice
 */

let book = null; // a promise

/** Ask for the book before it is needed: later the server may be out of reach. */
export function fetchBook() {
  book ??= fetch("diagnosis.json").then((response) => response.json());
  book.catch(() => { book = null; });
}

/**
 * @returns {Promise<Book>}
 * @throws {Error} if the server does not hand it out
 */
export function getBook() {
  fetchBook();
  return book;
}
