const LIMIT = 100; // messages; nobody presses an arrow key more often

/** Earlier messages, brought back into the text box by the arrow keys as in a shell. */
export class InputHistory {
  #box;
  #shown;
  #sent = [];
  #place = 0; // index into #sent; its length stands for the draft
  #draft = "";

  /**
   * @param {HTMLTextAreaElement} box
   * @param {function(): void} shown called when another text is in the box
   */
  constructor(box, shown) {
    this.#box = box;
    this.#shown = shown;
    box.addEventListener("keydown", (event) => this.#press(event));
    box.addEventListener("input", () => this.#toDraft());
  }

  /** @param {string} text that has just been sent */
  add(text) {
    if (text !== this.#sent.at(-1)) this.#sent.push(text);
    if (this.#sent.length > LIMIT) this.#sent.shift();
    this.#toDraft();
  }

  #press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === "ArrowUp" && this.#isInFirstLine) this.#back();
    else if (event.key === "ArrowDown" && this.#isInLastLine) this.#forward();
    else return;
    event.preventDefault(); // the caret would jump to the start or the end
  }

  // Within a text of several lines these keys move the caret.
  get #isInFirstLine() {
    return !this.#box.value.slice(0, this.#box.selectionStart).includes("\n");
  }

  get #isInLastLine() {
    return !this.#box.value.slice(this.#box.selectionEnd).includes("\n");
  }

  #back() {
    if (this.#place === this.#sent.length) this.#draft = this.#box.value;
    if (this.#place > 0) this.#show(this.#place - 1);
  }

  #forward() {
    if (this.#place < this.#sent.length) this.#show(this.#place + 1);
  }

  #show(place) {
    this.#place = place;
    this.#box.value = this.#sent[place] ?? this.#draft;
    this.#shown();
  }

  #toDraft() {
    this.#place = this.#sent.length;
  }
}
