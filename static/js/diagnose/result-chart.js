import { axis, Chart, colour } from "../common/chart.js";

const HEIGHT = 200; // CSS pixels
const LOGARITHMIC = 3; // uPlot's number for this scale
const { format: compact } = new Intl.NumberFormat("en", { notation: "compact" }); // 10K, 1M

/**
 * @typedef {object} ResultChart one series over another
 * @property {string} label describes the chart to screen readers
 * @property {Series} x with rising values
 * @property {Series} y
 *
 * @typedef {object} Series
 * @property {string} label
 * @property {number[]} values
 * @property {boolean} [logarithmic]
 */

/**
 * @param {HTMLElement} place empty, and visible
 * @param {ResultChart} chart
 */
export function drawResultChart(place, { label, x, y }) {
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  const options = {
    height: HEIGHT,
    scales: { x: { time: false, ...scale(x) }, y: { range: fromZero, ...scale(y) } },
    axes: [
      axis({ ...ticks(x), size: 28, labelSize: 18 }),
      axis({ ...ticks(y), size: 60, labelSize: 18 }),
    ],
    series: [{}, { stroke: colour("--pico-primary"), width: 1.5, points: { size: 4 } }],
  };
  return new Chart(place, options, [x.values, y.values]);
}

function scale({ logarithmic }) {
  return logarithmic ? { distr: LOGARITHMIC, range: null } : {};
}

function fromZero(_, low, high) {
  return [Math.min(0, low), high * 1.05 || 1];
}

function ticks({ label, logarithmic }) {
  if (!logarithmic) return { label };
  return {
    label,
    splits: powersOfTen,
    filter: (_, splits) => splits,
    values: (_, splits) => splits.map((value) => compact(value)),
  };
}

// Fewer lines than uPlot draws by default, which would fill a small chart.
function powersOfTen(_, axisIndex, low, high) {
  const step = high / low > 10 ** 4 ? 100 : 10;
  const splits = [];
  for (let at = 10 ** Math.ceil(Math.log10(low)); at <= high; at *= step) splits.push(at);
  return splits;
}
