import { copyAndTell } from "../common/clipboard.js";
import { fetchBook } from "../common/diagnosis/book.js";
import { download } from "../common/download.js";
import { CheckList } from "./check-list.js";
import { CheckRow } from "./check-row.js";
import { CHECKS as ALL } from "./checks/all.js";
import { connectionTo } from "./checks/connection.js";
import { idle } from "./checks/idle.js";
import { conclude, countVerdicts, worstOf } from "./conclusion.js";
import { Finding } from "./finding.js";
import { isPossible, leftOut, showLeftOut } from "./left-out.js";
import { toJson, toMarkdown } from "./report.js";
import { addressOf, asksForRun } from "./run-link.js";
import { runAll, runCheck } from "./runner.js";

const IDLE = "idle";
const CHECKS = ALL.filter(isPossible);

const QUESTION = "Do WebSockets work here?";
const RUNNING = "Running …";
const NOT_RUN = { verdict: "not run", figure: "", meaning: "" };

/**
 * Start the panel Diagnose: run checks, show their results, and export them.
 *
 * @returns {function(URLSearchParams): void} to be called whenever the panel becomes visible, with
 *     the query of the link; `run` in it runs all checks, and `to` is an address to open first
 */
export function startDiagnose(panel) {
  fetchBook();
  const diagnosis = new Diagnosis((name) => panel.querySelector(`#diagnose-${name}`));
  return (query) => diagnosis.follow(query);
}

class Diagnosis {
  #part;
  #list;
  #idleRow;
  #finding;
  #results = new Map(); // by the id of the check, as the other map
  #running = new Map(); // AbortControllers
  #sequence = null; // AbortController of "Run all checks"
  #path = null; // of the address to open first, if the link names one

  constructor(part) {
    this.#part = part;
    this.#finding = new Finding(part("finding"));
    this.#list = new CheckList(part("list"), part("checks"), part("skipped"), part("row"));
    for (const check of CHECKS) this.#list.add(check, () => this.#press(check));
    this.#idleRow = this.#addIdleRow();
    showLeftOut(part("missing"), [...ALL, this.#idleCheck()]);
    part("run").addEventListener("click", () => this.#pressAll());
    part("copy").addEventListener("click", () =>
      copyAndTell(toMarkdown(this.#diagnosis()), part("copied")));
    part("save").addEventListener("click", () => this.#save());
    this.#refresh();
  }

  /** @param {URLSearchParams} query of the link */
  follow(query) {
    const { path, problem } = addressOf(query);
    this.#path = path;
    this.#part("link-error").textContent = problem;
    if (!asksForRun(query)) return;
    // The link that was followed is in a panel that is hidden now, and would lose the focus.
    if (document.activeElement?.closest("[hidden]")) this.#part("status").focus();
    this.#runAll();
  }

  // Does nothing while a check is running.
  async #runAll() {
    if (this.#isBusy) return;
    this.#sequence = new AbortController();
    for (const { id } of CHECKS) this.#forget(id);
    const skip = (check, result) => this.#finish(check, result);
    await runAll(CHECKS, this.#sequence.signal, (check) => this.#run(check), skip);
    this.#sequence = null;
    this.#refresh();
  }

  #addIdleRow() {
    const press = () => this.#press(this.#idleCheck());
    const template = this.#part("row").content.cloneNode(true);
    const row = new CheckRow(template, this.#idleCheck(), press);
    this.#part("idle").append(row.element);
    return row;
  }

  #row(id) {
    return id === IDLE ? this.#idleRow : this.#list.get(id);
  }

  #idleCheck() {
    return idle(Number(this.#part("idle-seconds").value));
  }

  #press(check) {
    if (!this.#row(check.id).isAllowed) return;
    if (this.#running.has(check.id)) this.#running.get(check.id).abort();
    else this.#run(check);
  }

  #pressAll() {
    if (this.#sequence) this.#stopAll();
    else this.#runAll();
  }

  // The idle check does not count: it may run beside the others.
  get #isBusy() {
    return Boolean(this.#sequence) || CHECKS.some(({ id }) => this.#running.has(id));
  }

  #stopAll() {
    this.#sequence.abort();
    for (const { id } of CHECKS) this.#running.get(id)?.abort();
  }

  #forget(id) {
    this.#results.delete(id);
    this.#row(id).wait();
  }

  async #run(check) {
    const controller = new AbortController();
    this.#running.set(check.id, controller);
    this.#row(check.id).start();
    if (check.id !== IDLE) this.#list.unfold();
    this.#refresh();
    const progress = (share, text = "") => {
      this.#row(check.id).showProgress(text);
      if (check.id !== IDLE) this.#showProgress(check, share);
    };
    progress(0); // some checks report no progress themselves
    const result = await runCheck(this.#aimed(check), controller.signal, progress);
    this.#running.delete(check.id);
    this.#finish(check, result);
    return result;
  }

  #aimed(check) {
    const hasOther = check.id === CHECKS[0].id && this.#path !== null;
    return hasOther ? connectionTo(this.#path) : check;
  }

  #finish(check, result) {
    this.#row(check.id).finish(result);
    this.#results.set(check.id, result);
    this.#refresh();
  }

  #refresh() {
    const all = Boolean(this.#sequence);
    const busy = this.#isBusy;
    for (const { id } of CHECKS) this.#row(id).allow(!busy || this.#running.has(id));
    this.#part("run").textContent = all ? "Cancel all" : "Run all checks";
    this.#part("run").setAttribute("aria-disabled", String(busy && !all));
    this.#part("idle-seconds").disabled = this.#running.has(IDLE);
    this.#part("busy").hidden = !busy;
    this.#part("progress").hidden = !all;
    this.#part("copied").textContent = ""; // "Copied." is no longer true
    this.#showResults(busy);
  }

  #showResults(busy) {
    const outcomes = this.#outcomes();
    const worst = this.#sequence ? null : worstOf(outcomes);
    this.#finding.show(worst);
    for (const { id } of outcomes) this.#row(id).explainAbove(id === worst?.id);
    this.#list.foldSkipped(outcomes.filter(({ result }) => result.verdict === "not run"));
    this.#part("about").hidden = busy || outcomes.length > 0;
    this.#part("counts").textContent = countVerdicts(outcomes) || `${CHECKS.length}, not run yet`;
    this.#showConclusion(this.#conclusion());
  }

  // Screen readers announce every write, so write only changes.
  #showConclusion({ text, verdict }) {
    const status = this.#part("status");
    status.dataset.verdict = verdict;
    if (status.textContent !== text) status.textContent = text;
  }

  /** @returns {import("./conclusion.js").Conclusion} with no verdict if there is none yet */
  #conclusion() {
    if (this.#isBusy) return { text: RUNNING, verdict: "" };
    const outcomes = this.#outcomes();
    return outcomes.length ? conclude(outcomes) : { text: QUESTION, verdict: "" };
  }

  /** @returns {import("./conclusion.js").Outcome[]} of the checks that have ended, in order */
  #outcomes() {
    return [...CHECKS, this.#idleCheck()]
      .filter(({ id }) => this.#results.has(id) && !this.#running.has(id))
      .map(({ id, title }) => ({ id, title, result: this.#results.get(id) }));
  }

  #showProgress(check, share) {
    const before = CHECKS.slice(0, CHECKS.indexOf(check));
    const total = CHECKS.reduce((sum, { seconds }) => sum + seconds, 0);
    const done = before.reduce((sum, { seconds }) => sum + seconds, 0) + share * check.seconds;
    this.#part("progress").value = done / total;
    this.#part("current").textContent = check.title;
  }

  #diagnosis() {
    const ended = new Map(this.#outcomes().map(({ id, result }) => [id, result]));
    const without = (check) => (isPossible(check) ? NOT_RUN : leftOut(check));
    return {
      verdict: this.#conclusion().text,
      page: window.location.href.split("#")[0],
      when: new Date().toISOString(),
      browser: navigator.userAgent,
      server: ended.get("handshake-time")?.data?.server ?? null,
      checks: [...ALL, this.#idleCheck()].map((check) =>
        ({ id: check.id, title: check.title, result: ended.get(check.id) ?? without(check) })),
    };
  }

  #save() {
    const diagnosis = this.#diagnosis();
    const name = `websocket-diagnosis-${diagnosis.when.slice(0, 19).replaceAll(":", "")}.json`;
    download(name, toJson(diagnosis), "application/json");
  }
}
