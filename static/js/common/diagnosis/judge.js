const CURED = ["bad", "notable"];

/**
 * @typedef {object} Verdict
 * @property {string} id names the fault, or what is good
 * @property {"good" | "notable" | "bad" | "unknown"} verdict
 * @property {string} place where the fault is
 * @property {string} meaning
 * @property {string} advice
 * @property {string} product the proxy, as far as it is known
 * @property {Object<string, string>} cures lines to paste, by product
 */

/**
 * Find the verdict of a check: the first rule that holds. flask_echo/diagnosis/verdict.py does the
 * same.
 *
 * @param {import("./book.js").Book} book
 * @param {string} check
 * @param {object} facts
 * @returns {Verdict}
 */
export function judge(book, check, facts) {
  const rule = book.rules[check].find(({ when }) =>
    Object.entries(when).every(([name, wanted]) => wanted.includes(facts[name] ?? null)));
  const product = facts.product || "";
  return {
    id: rule.id,
    verdict: rule.verdict,
    place: rule.place,
    meaning: filled(rule.meaning, facts),
    advice: filled(rule.advice, facts),
    product,
    cures: CURED.includes(rule.verdict) ? curesFor(book, rule.id, facts.products || product) : {},
  };
}

// First those of the proxies that were seen. If it is exactly one, it is certain whose fault it is.
function curesFor({ cures, families, same }, id, seen) {
  const fault = same[id] ?? id;
  const names = seen.split(", ");
  const known = names.flatMap((product) => families[product] ?? [product])
    .filter((name) => name in cures);
  const certain = names.length === 1 && known.length;
  const products = certain ? known : [...new Set([...known, ...Object.keys(cures)])];
  return Object.fromEntries(products
    .filter((name) => fault in cures[name])
    .map((name) => [name, cures[name][fault]]));
}

function filled(sentence, facts) {
  return sentence.replaceAll(/\{(\w+)\}/g, (_, name) => String(facts[name] ?? ""));
}
