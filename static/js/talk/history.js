const LIMIT = 100; // messages: as far back as anyone goes key by key

/** What was sent from a text box, brought back by the arrow keys, as a shell does. */
export class History {
  #box;
  #sent = [];
  #place = 0; // in what was sent; at its end is what is being typed
  #draft = "";

  /** @param {HTMLInputElement} box of one line, where these keys do nothing else */
  constructor(box) {
    this.#box = box;
    box.addEventListener("keydown", (event) => this.#press(event));
    box.addEventListener("input", () => this.#leave());
  }

  /** @param {string} text that has just been sent */
  add(text) {
    if (text !== this.#sent.at(-1)) this.#sent.push(text);
    if (this.#sent.length > LIMIT) this.#sent.shift();
    this.#leave();
  }

  #press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === "ArrowUp") this.#back();
    else if (event.key === "ArrowDown") this.#forth();
    else return;
    event.preventDefault(); // the caret would go to the beginning or the end
  }

  // What was sent last still stands in the box after it was sent: that is no step back.
  #back() {
    if (this.#place === this.#sent.length) this.#draft = this.#box.value;
    let place = this.#place - 1;
    if (this.#sent[place] === this.#box.value) place -= 1;
    if (place >= 0) this.#show(place);
  }

  #forth() {
    if (this.#place < this.#sent.length) this.#show(this.#place + 1);
  }

  #show(place) {
    this.#place = place;
    this.#box.value = this.#sent[place] ?? this.#draft;
  }

  #leave() {
    this.#place = this.#sent.length;
  }
}
