/**
 * @param {number[]} values at least one
 * @returns {{min: number, median: number, p95: number, p99: number, max: number}} quantiles by
 *     nearest rank, so each is one of the values
 */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return {
    min: sorted[0],
    median: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    max: sorted.at(-1),
  };
}
