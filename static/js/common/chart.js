// Not by an import statement: uPlot asks for number formats of the browser's language when it is
// loaded, which WebKitGTK refuses in the C locale, and without charts the page still has its use.
const library = import("../../vendor/uplot/uPlot.esm.js").then(
  ({ default: uPlot }) => uPlot,
  (error) => console.warn("There will be no charts:", error),
);

const dark = window.matchMedia("(prefers-color-scheme: dark)");

/**
 * @param {string} property a colour of the style sheet, such as `--pico-primary`
 * @returns {function(): string} for uPlot, which asks it each time it draws
 */
export function colour(property) {
  return () => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

/**
 * @param {object} options of a uPlot axis, beside the colours and the font
 * @returns {object} an axis that can be read in light and dark
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
 * A chart as wide as its element, in the colours of the page: light, dark, or changing.
 * A canvas says nothing to a screen reader: have the figures in the page as text, too.
 */
export class Chart {
  #plot = null; // until the library is there
  #data;

  /**
   * @param {HTMLElement} element a block that is empty and as wide as the chart should be
   * @param {object} options as uPlot takes them, but for the width
   * @param {number} options.height in CSS pixels
   * @param {Array<Array<number | null>>} data as uPlot takes it
   */
  constructor(element, options, data) {
    this.#data = data;
    library.then((uPlot) => uPlot && this.#draw(uPlot, element, options));
  }

  /** @param {Array<Array<number | null>>} data as uPlot takes it */
  show(data) {
    this.#data = data;
    this.#plot?.setData(data);
  }

  #draw(uPlot, element, options) {
    const still = { legend: { show: false }, cursor: { show: false } };
    const width = element.clientWidth || 300; // in a hidden panel there is none yet
    this.#plot = new uPlot({ ...still, ...options, width }, this.#data, element);
    dark.addEventListener("change", () => this.#plot.redraw(false));
    new ResizeObserver(() => this.#fit(element)).observe(element);
  }

  #fit({ clientWidth: width }) {
    const { width: before, height } = this.#plot;
    if (width > 0 && width !== before) this.#plot.setSize({ width, height });
  }
}
