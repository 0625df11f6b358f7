import { copyAndTell } from "../common/clipboard.js";
import { formatClock } from "../common/clock.js";
import { download } from "../common/download.js";
import { formatCount } from "../common/format.js";
import { hasOptions, writeLink } from "../common/link.js";
import { Charts } from "./charts.js";
import { conclude } from "./conclusion.js";
import { ASSUMPTIONS } from "./extrapolation.js";
import { figuresOf } from "./figures.js";
import { OtherTabs } from "./other-tabs.js";
import { toCsv, toJson, toMarkdown } from "./report.js";
import { Run } from "./run.js";
import { SettingsForm } from "./settings-form.js";
import { fillExtrapolation, fillTable } from "./table.js";
import { watchWidth } from "./wide-table.js";

const REFRESH_MS = 500;

const NO_RUN = "No comparison yet";
const RUNNING = "A comparison is running. Stop it, then open the link again.";
const HIDDEN = "The tab was hidden for a while. Browsers slow timers down then, so polls came "
  + "late.";
const OTHER_TAB = "Another tab ran a comparison at the same time. Browsers allow six HTTP/1.1 "
  + "connections to a host, and one comparison uses four of them, so requests may have waited.";
const NOT_COUNTED = "This server cannot count bytes or CPU time. flask run and other workers of "
  + "gunicorn do not show the application their sockets. Use the command flask-echo.";
const WRONG_SIZE = "An answer had another size than the server says: something on the way changed "
  + "it.";

/**
 * Start the panel Compare: run a comparison, show it, and export it.
 *
 * @returns {function(URLSearchParams): void} takes the query of the panel's link
 */
export function startCompare(panel) {
  const comparison = new Comparison((name) => panel.querySelector(`#compare-${name}`));
  return (query) => comparison.follow(query);
}

class Comparison {
  #part;
  #form;
  #run = null;
  #isRunning = false;
  #charts;
  #otherTab = false;
  #tabs = new OtherTabs(() => this.#noteOtherTab());

  constructor(part) {
    this.#part = part;
    this.#form = new SettingsForm(part);
    this.#charts = null; // drawn with the first run, when the panel is visible
    // A select and a box tell of a change with `change`, also in browsers that have no `input`.
    for (const kind of ["input", "change"]) {
      part("form").addEventListener(kind, () => this.#noteChange());
    }
    part("form").addEventListener("submit", (event) => this.#submit(event));
    part("stop").addEventListener("click", () => this.#run.stop());
    part("article").addEventListener("click", () => {
      this.#form.fillArticle();
      this.#noteChange();
    });
    part("copy").addEventListener("click", () =>
      copyAndTell(toMarkdown(this.#comparison()), part("copied")));
    part("save-json").addEventListener("click", () =>
      this.#save("json", toJson(this.#comparison(), this.#run.tallies), "application/json"));
    part("save-csv").addEventListener("click", () =>
      this.#save("csv", toCsv(this.#comparison()), "text/csv"));
    for (const name of ["table", "extrapolation"]) watchWidth(part(name).parentElement);
    part("assumptions").textContent = ASSUMPTIONS;
  }

  /**
   * Fill in the form. The user starts the run.
   *
   * @param {URLSearchParams} query of the link; the form stays as it is if it is empty
   */
  follow(query) {
    const isForLater = this.#isRunning && hasOptions(query) && !this.#has(query);
    const problems = hasOptions(query) && !this.#isRunning ? this.#form.fill(query) : [];
    this.#part("link-error").textContent = isForLater ? RUNNING : problems.join(" ");
    writeLink("compare", this.#form.link);
  }

  #has(query) {
    return new URLSearchParams(this.#form.link).toString() === query.toString();
  }

  #noteChange() {
    this.#part("link-error").textContent = "";
    writeLink("compare", this.#form.link);
  }

  #submit(event) {
    event.preventDefault();
    const { settings } = this.#form;
    this.#part("error").textContent = settings.ways.length ? "" : "Choose at least one way.";
    if (settings.ways.length) this.#start(settings);
  }

  async #start(settings) {
    this.#run = new Run(settings);
    this.#otherTab = false;
    this.#tabs.start();
    this.#allow({ running: true });
    this.#prepare();
    const timer = setInterval(() => this.#show(), REFRESH_MS);
    try {
      await this.#run.follow();
    } catch (error) {
      this.#part("error").textContent = `The comparison could not begin: ${error.message}`;
    }
    clearInterval(timer);
    this.#tabs.stop();
    if (this.#run.began === null) this.#forget();
    else this.#show();
    this.#allow({ running: false });
  }

  // The run has not begun, and the results on the page are those of an earlier one.
  #forget() {
    this.#part("results").hidden = true;
    this.#part("empty").hidden = false;
    this.#write("status", NO_RUN);
    this.#write("count", "");
  }

  #prepare() {
    this.#part("results").hidden = false;
    this.#part("empty").hidden = true;
    this.#write("status", "Preparing");
    this.#write("count", "");
    this.#part("copied").textContent = "";
    this.#charts ??= new Charts({
      bytes: this.#part("bytes"),
      delays: this.#part("delays"),
      share: this.#part("share"),
    });
    this.#charts.clear();
  }

  #allow({ running }) {
    const { activeElement: focused } = document;
    this.#isRunning = running;
    this.#part("start").disabled = running;
    this.#part("stop").disabled = !running;
    this.#part("progress").hidden = !running;
    this.#part("fields").disabled = running;
    const nothing = running || this.#run.began === null;
    for (const name of ["copy", "save-json", "save-csv"]) this.#part(name).disabled = nothing;
    // A disabled element loses the focus, and a keyboard its place.
    if (focused.matches(":disabled")) this.#part(running ? "stop" : "start").focus();
  }

  #show() {
    if (this.#run.began === null) return;
    const figures = figuresOf(this.#run);
    const seconds = this.#run.elapsedMs / 1000;
    fillTable(this.#part("table").tBodies[0], figures);
    fillExtrapolation(this.#part("extrapolation").tBodies[0], figures, seconds);
    this.#charts.show(this.#run, figures);
    this.#showProgress(figures, seconds);
    this.#showText(figures);
  }

  #showProgress(figures, seconds) {
    const most = Math.max(...figures.map(({ events }) => events));
    this.#part("progress").value = seconds / this.#run.settings.seconds;
    this.#write("status", this.#run.ended === null ? "Running" : "Finished");
    this.#write("count", `: ${formatCount(most, "event")} in ${seconds.toFixed(0)} s`);
  }

  #showText(figures) {
    const [claim, ...others] = conclude(figures, this.#run.settings.mean);
    this.#write("conclusion", claim);
    this.#write("others", others.join(" "));
    this.#write("clock", this.#clockText(figures));
    this.#write("remarks", this.#remarks(figures).join(" "));
  }

  // Screen readers announce every write, so write only changes.
  #write(name, text) {
    if (this.#part(name).textContent !== text) this.#part(name).textContent = text;
  }

  #clockText(figures) {
    const missing = figures.reduce((sum, one) => sum + one.missing, 0);
    const repeated = figures.reduce((sum, one) => sum + one.repeated, 0);
    const measured = figures.find(({ interval }) => interval);
    return [
      `The server's clock is ${formatClock(this.#run.clock)}; delays are corrected by that.`,
      ...(measured ? [`Measured polling interval: ${measured.interval.toFixed(2)} s.`] : []),
      `Lost events: ${missing}. Repeated events: ${repeated}.`,
    ].join(" ");
  }

  #remarks(figures) {
    return [
      ...(this.#run.wasHidden ? [HIDDEN] : []),
      ...(this.#otherTab ? [OTHER_TAB] : []),
      ...(figures.some(({ sentBytes }) => sentBytes === null) ? [NOT_COUNTED] : []),
      ...(figures.some(({ wrongSizes }) => wrongSizes) ? [WRONG_SIZE] : []),
    ];
  }

  #noteOtherTab() {
    this.#otherTab = true;
    this.#show();
  }

  #comparison() {
    const run = this.#run;
    const figures = figuresOf(run);
    return {
      page: window.location.href.split("#")[0],
      when: new Date(run.began).toISOString(),
      browser: navigator.userAgent,
      settings: run.settings,
      seconds: run.elapsedMs / 1000,
      clock: run.clock,
      remarks: this.#remarks(figures),
      conclusion: conclude(figures, run.settings.mean),
      figures,
    };
  }

  #save(extension, text, type) {
    const when = new Date(this.#run.began).toISOString().slice(0, 19).replaceAll(":", "");
    download(`polling-comparison-${when}.${extension}`, text, type);
  }
}
