// A dynamic import, because uPlot can fail to load: it formats numbers for the browser's language
// at once, and WebKitGTK refuses that in the C locale. The page is useful without charts, too.
const library = import("../../vendor/uplot/uPlot.esm.js").then(
  ({ default: uPlot }) => uPlot,
  (error) => console.warn("There will be no charts:", error),
);

const dark = window.matchMedia("(prefers-color-scheme: dark)");

/**
 * @param {string} property a colour of the style sheet, such as `--pico-primary`
 * @returns {function(): string} called by uPlot for each drawing
 */
export function colour(property) {
  return () => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

/**
 * @param {object} options of a uPlot axis, except colours and font
 * @returns {object} an axis for light and dark
 */
export function axis(options = {}) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const line = { stroke: colour("--pico-muted-border-color"), width: 1 };
  return {
    stroke: colour("--pico-code-color"),
    font,
    labelFont: font,
    grid: line,
    ticks: { ...line, size: 4 },
    ...options,
  };
}

/**
 * A chart as wide as its element, in the colours of the page. Screen readers cannot read a canvas:
 * show the numbers as text, too.
 */
export class Chart {
  #plot = null; // until the library has loaded
  #data;

  /**
   * @param {HTMLElement} element an empty block
   * @param {object} options of uPlot, except the width
   * @param {number} options.height in CSS pixels
   * @param {Array<Array<number | null>>} data in the format of uPlot
   */
  constructor(element, options, data) {
    this.#data = data;
    library.then((uPlot) => uPlot && this.#draw(uPlot, element, options));
  }

  /** @param {Array<Array<number | null>>} data in the format of uPlot */
  show(data) {
    this.#data = data;
    this.#plot?.setData(data);
  }

  #draw(uPlot, element, options) {
    const still = { legend: { show: false }, cursor: { show: false } };
    const width = element.clientWidth || 300; // a hidden panel has no width yet
    this.#plot = new uPlot({ ...still, ...options, width }, this.#data, element);
    dark.addEventListener("change", () => this.#plot.redraw(false));
    new ResizeObserver(() => this.#resize(element)).observe(element);
  }

  #resize({ clientWidth: width }) {
    const { width: before, height } = this.#plot;
    if (width > 0 && width !== before) this.#plot.setSize({ width, height });
  }
}
