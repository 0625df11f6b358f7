/**
 * The figures of some durations. A percentile is the smallest value that so many percent of all
 * do not exceed (nearest rank): a time that was really measured.
 *
 * @param {number[]} values at least one
 * @returns {{min: number, median: number, p95: number, p99: number}}
 */
export function figures(values) {
  const sorted = Float64Array.from(values).sort();
  const percentile = (percent) => sorted[Math.ceil((percent / 100) * sorted.length) - 1];
  return { min: sorted[0], median: percentile(50), p95: percentile(95), p99: percentile(99) };
}
