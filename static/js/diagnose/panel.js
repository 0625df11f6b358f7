import { copyText } from "../common/clipboard.js";
import { download } from "../common/download.js";
import { CHECKS } from "./checks/all.js";
import { idle } from "./checks/idle.js";
import { toJson, toMarkdown } from "./report.js";
import { CheckRow } from "./check-row.js";
import { runAll, runCheck } from "./runner.js";

const IDLE = "idle"; // has a button of its own, and runs beside the others

/** Run checks from a panel, all in a row or one again, and show and hand out what they find. */
export function startDiagnose(panel) {
  new Diagnosis((name) => panel.querySelector(`#diagnose-${name}`));
}

class Diagnosis {
  #part;
  #rows = new Map();
  #results = new Map();
  #running = new Map(); // the AbortController of each check that runs
  #sequence = null; // the AbortController of a run of all

  constructor(part) {
    this.#part = part;
    for (const check of CHECKS) this.#add(part("checks"), check, () => this.#press(check));
    this.#add(part("silence"), this.#idleCheck(), () => this.#press(this.#idleCheck()));
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

  #idleCheck() {
    return idle(Number(this.#part("bound").value));
  }

  #press(check) {
    if (!this.#rows.get(check.id).isAllowed) return;
    if (this.#running.has(check.id)) this.#running.get(check.id).abort();
    else this.#run(check);
  }

  #pressAll() {
    if (this.#sequence) this.#stopAll();
    else if (!CHECKS.some(({ id }) => this.#running.has(id))) this.#runAll();
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
    this.#part("copied").textContent = ""; // it was another report
    this.#refresh();
    const progress = (share, text = "") => {
      this.#rows.get(check.id).tell(text);
      if (check.id !== IDLE) this.#showProgress(check, share);
    };
    progress(0); // some checks say nothing before their end
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
    const busy = all || CHECKS.some(({ id }) => this.#running.has(id));
    for (const { id } of CHECKS) this.#rows.get(id).allow(!busy || this.#running.has(id));
    this.#part("run").textContent = all ? "Cancel all" : "Run all checks";
    this.#part("run").setAttribute("aria-disabled", String(busy && !all));
    const incomplete = busy || this.#running.has(IDLE) || this.#results.size === 0;
    for (const name of ["copy", "save"]) this.#part(name).disabled = incomplete;
    this.#part("bound").disabled = this.#running.has(IDLE);
    this.#part("progress").hidden = !all;
    if (!busy) this.#say(this.#summary());
  }

  #showProgress(check, share) {
    const before = CHECKS.slice(0, CHECKS.indexOf(check));
    const total = CHECKS.reduce((sum, { seconds }) => sum + seconds, 0);
    const done = before.reduce((sum, { seconds }) => sum + seconds, 0) + share * check.seconds;
    this.#part("progress").value = done / total;
    this.#say(`${check.title} …`);
  }

  // Screen readers read it out at each change, so nothing is said twice.
  #say(text) {
    if (this.#part("status").textContent !== text) this.#part("status").textContent = text;
  }

  #summary() {
    const verdicts = [...this.#results.values()].map(({ result }) => result.verdict);
    const counted = ["bad", "notable", "good", "cancelled", "not run"].map((verdict) =>
      [verdicts.filter((found) => found === verdict).length, verdict]);
    const words = counted.filter(([number]) => number).map((pair) => pair.join(" "));
    return words.join(", ") || "Nothing has been tried yet.";
  }

  #diagnosis() {
    const order = [...CHECKS.map(({ id }) => id), IDLE];
    return {
      page: window.location.href.split("#")[0],
      when: new Date().toISOString(),
      browser: navigator.userAgent,
      server: this.#results.get(CHECKS[0].id)?.result.data?.server ?? null,
      checks: order.map((id) => this.#results.get(id)).filter(Boolean),
    };
  }

  async #copy() {
    const copied = await copyText(toMarkdown(this.#diagnosis()));
    this.#part("copied").textContent = copied ? "Copied." : "The browser did not let it be copied.";
  }

  #save() {
    const diagnosis = this.#diagnosis();
    const name = `websocket-diagnosis-${diagnosis.when.slice(0, 19).replaceAll(":", "")}.json`;
    download(name, toJson(diagnosis), "application/json");
  }
}
