import { getBook } from "../common/diagnosis/book.js";
import { judge } from "../common/diagnosis/judge.js";

/**
 * Make the result of a check from facts, by the rules that the terminal has, too.
 *
 * @param {string} check the name of its rules
 * @param {object} facts
 * @param {object} more `figure`, `details`, `chart`, `timed` and `data` of the result
 * @returns {Promise<import("./check.js").Result>}
 */
export async function verdictResult(check, facts, more = {}) {
  const verdict = judge(await getBook(), check, facts);
  return { figure: "", ...verdict, ...more, data: { ...more.data, facts } };
}
