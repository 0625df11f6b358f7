const LONGEST_MS = 50; // nobody notices a line that comes so late

/**
 * Draws what has changed, but not while a reply may arrive at any moment. A script runs one thing
 * at a time, so a reply that arrives during drawing would be seen too late.
 */
export class Drawing {
  #tasks = new Set();
  #frameTasks = new Set();
  #frame = null;
  #timer = null; // for the next drawing
  #held = null; // timer that ends the wait for a reply

  /**
   * Draw soon, together with everything else, also in a hidden page, which gets no frames.
   *
   * @param {function(): void} task drawn once, however often it is given
   */
  later(task) {
    this.#tasks.add(task);
    if (this.#held === null) this.#schedule();
  }

  /**
   * Draw soon, in a frame: for views that nobody reads while the page is hidden.
   *
   * @param {function(): void} task drawn once, however often it is given
   */
  inFrame(task) {
    this.#frameTasks.add(task);
    this.later(this.#requestFrame);
  }

  /** A message has been sent: wait for its reply, for up to 50 ms. */
  hold() {
    this.#held ??= setTimeout(() => {
      this.#held = null;
      this.#draw();
    }, LONGEST_MS);
  }

  /** The reply has arrived. */
  release() {
    clearTimeout(this.#held);
    this.#held = null;
    if (this.#tasks.size > 0) this.#schedule();
  }

  #schedule() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.#held === null) this.#draw();
    });
  }

  #requestFrame = () => {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      runAll(this.#frameTasks);
    });
  };

  #draw() {
    runAll(this.#tasks);
  }
}

// A task may add another one, which is for the next time.
function runAll(tasks) {
  const all = [...tasks];
  tasks.clear();
  for (const task of all) task();
}
