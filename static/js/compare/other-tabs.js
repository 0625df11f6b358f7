/**
 * Tell other tabs of this page that a comparison runs here. Browsers allow six connections to a
 * host, and one comparison uses up to four of them at the same time.
 */
export class OtherTabs {
  #channel = new BroadcastChannel("flask-echo compare");
  #isRunning = false;

  /** @param {function(): void} found called when another tab runs a comparison, too */
  constructor(found) {
    this.#channel.addEventListener("message", ({ data }) => {
      if (!this.#isRunning) return;
      if (data === "started") this.#channel.postMessage("running");
      found();
    });
  }

  start() {
    this.#isRunning = true;
    this.#channel.postMessage("started");
  }

  stop() {
    this.#isRunning = false;
  }
}
