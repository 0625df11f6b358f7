import { copyText } from "../common/clipboard.js";
import { fetchBook } from "../common/diagnosis/book.js";
import { download } from "../common/download.js";
import { isOffered } from "../common/features.js";
import { CheckRow } from "./check-row.js";
import { CHECKS as ALL } from "./checks/all.js";
import { idle } from "./checks/idle.js";
import { toJson, toMarkdown } from "./report.js";
import { runAll, runCheck } from "./runner.js";

const IDLE = "idle"; // id of the check that may run alongside the others

const isPossible = ({ needs = [] }) => needs.every(isOffered);
const CHECKS = ALL.filter(isPossible);

const FEATURES = { inspect: "/inspect", faults: "fault simulation" };

// Order in which the summary counts verdicts.
const VERDICTS = ["bad", "notable", "unknown", "good", "cancelled", "not run"];

/** Start the panel Diagnose: run checks, show their results, and export them. */
export function startDiagnose(panel) {
  fetchBook();
  new Diagnosis((name) => panel.querySelector(`#diagnose-${name}`));
}

class Diagnosis {
  #part;
  #rows = new Map(); // by the id of the check, as all maps here
  #results = new Map();
  #running = new Map(); // AbortControllers
  #sequence = null; // AbortController of "Run all checks"

  constructor(part) {
    this.#part = part;
    for (const check of CHECKS) this.#add(part("checks"), check, () => this.#press(check));
    this.#add(part("idle"), this.#idleCheck(), () => this.#press(this.#idleCheck()));
    this.#showMissing([...ALL, this.#idleCheck()].filter((check) => !isPossible(check)));
    part("run").addEventListener("click", () => this.#pressAll());
    part("copy").addEventListener("click", () => this.#copy());
    part("save").addEventListener("click", () => this.#save());
    this.#refresh();
  }

  #add(list, check, pressed) {
    const row = new CheckRow(this.#part("row").content.cloneNode(true), check, pressed);
    this.#rows.set(check.id, row);
    list.append(row.element);
  }

  #showMissing(checks) {
    if (!checks.length) return;
    const off = Object.keys(FEATURES).filter((feature) => !isOffered(feature));
    this.#part("missing").textContent = "This server has turned off "
      + `${off.map((feature) => FEATURES[feature]).join(" and ")}. So these checks are not `
      + `possible: ${checks.map(({ title }) => title).join(", ")}.`;
    this.#part("missing").hidden = false;
  }

  #idleCheck() {
    return idle(Number(this.#part("idle-seconds").value));
  }

  #press(check) {
    if (!this.#rows.get(check.id).isAllowed) return;
    if (this.#running.has(check.id)) this.#running.get(check.id).abort();
    else this.#run(check);
  }

  #pressAll() {
    if (this.#sequence) this.#stopAll();
    else if (!this.#isBusy) this.#runAll();
  }

  get #isBusy() {
    return CHECKS.some(({ id }) => this.#running.has(id));
  }

  async #runAll() {
    this.#sequence = new AbortController();
    for (const { id } of CHECKS) this.#forget(id);
    const skip = (check, result) => this.#finish(check, result);
    await runAll(CHECKS, this.#sequence.signal, (check) => this.#run(check), skip);
    this.#sequence = null;
    this.#refresh();
  }

  #stopAll() {
    this.#sequence.abort();
    for (const { id } of CHECKS) this.#running.get(id)?.abort();
  }

  #forget(id) {
    this.#results.delete(id);
    this.#rows.get(id).wait();
  }

  async #run(check) {
    const controller = new AbortController();
    this.#running.set(check.id, controller);
    this.#rows.get(check.id).start();
    this.#part("copied").textContent = ""; // "Copied." is no longer true
    this.#refresh();
    const progress = (share, text = "") => {
      this.#rows.get(check.id).showProgress(text);
      if (check.id !== IDLE) this.#showProgress(check, share);
    };
    progress(0); // some checks report no progress themselves
    const result = await runCheck(check, controller.signal, progress);
    this.#running.delete(check.id);
    this.#finish(check, result);
    return result;
  }

  #finish(check, result) {
    this.#rows.get(check.id).finish(result);
    this.#results.set(check.id, { id: check.id, title: check.title, result });
    this.#refresh();
  }

  #refresh() {
    const all = Boolean(this.#sequence);
    const busy = all || this.#isBusy;
    for (const { id } of CHECKS) this.#rows.get(id).allow(!busy || this.#running.has(id));
    this.#part("run").textContent = all ? "Cancel all" : "Run all checks";
    this.#part("run").setAttribute("aria-disabled", String(busy && !all));
    const incomplete = busy || this.#running.has(IDLE) || this.#results.size === 0;
    for (const name of ["copy", "save"]) this.#part(name).disabled = incomplete;
    this.#part("idle-seconds").disabled = this.#running.has(IDLE);
    this.#part("progress").hidden = !all;
    if (!busy) this.#showStatus(this.#summary());
  }

  #showProgress(check, share) {
    const before = CHECKS.slice(0, CHECKS.indexOf(check));
    const total = CHECKS.reduce((sum, { seconds }) => sum + seconds, 0);
    const done = before.reduce((sum, { seconds }) => sum + seconds, 0) + share * check.seconds;
    this.#part("progress").value = done / total;
    this.#showStatus(`${check.title} …`);
  }

  // Screen readers announce every write, so write only changes.
  #showStatus(text) {
    if (this.#part("status").textContent !== text) this.#part("status").textContent = text;
  }

  #summary() {
    const found = [...this.#results.values()].map(({ result }) => result.verdict);
    const counts = VERDICTS.map((verdict) =>
      [found.filter((other) => other === verdict).length, verdict]);
    const texts = counts.filter(([number]) => number).map((pair) => pair.join(" "));
    return texts.join(", ") || "No checks run yet";
  }

  #diagnosis() {
    const order = [...CHECKS.map(({ id }) => id), IDLE];
    return {
      page: window.location.href.split("#")[0],
      when: new Date().toISOString(),
      browser: navigator.userAgent,
      server: this.#results.get("handshake-time")?.result.data?.server ?? null,
      checks: order.map((id) => this.#results.get(id)).filter(Boolean),
    };
  }

  async #copy() {
    const copied = await copyText(toMarkdown(this.#diagnosis()));
    this.#part("copied").textContent = copied ? "Copied." : "Copy was blocked by the browser.";
  }

  #save() {
    const diagnosis = this.#diagnosis();
    const name = `websocket-diagnosis-${diagnosis.when.slice(0, 19).replaceAll(":", "")}.json`;
    download(name, toJson(diagnosis), "application/json");
  }
}
