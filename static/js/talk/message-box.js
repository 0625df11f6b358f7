import { InputHistory } from "./input-history.js";

const MOST_ROWS = 8; // leaves room for the log on a phone

/**
 * The text box of a message, which is empty and ready for the next one after sending. Enter sends,
 * and Shift+Enter breaks the line.
 */
export class MessageBox {
  #box;
  #error;
  #send;
  #drawing;
  #history;
  #sent = null; // the text that was sent and is still shown

  /**
   * @param {HTMLElement} panel
   * @param {import("../common/drawing.js").Drawing} drawing
   */
  constructor(panel, drawing) {
    this.#box = panel.querySelector("#message");
    this.#error = panel.querySelector("#message-error");
    this.#send = panel.querySelector("#send");
    this.#drawing = drawing;
    // Before anybody else looks at the text or changes it.
    for (const kind of ["keydown", "beforeinput"]) this.#box.addEventListener(kind, this.#empty);
    this.#history = new InputHistory(this.#box, () => this.#fit());
    this.#box.addEventListener("input", () => {
      this.#showError("");
      this.#fit();
    });
    this.#box.addEventListener("keydown", (event) => this.#press(event));
  }

  /**
   * @param {function(string): {sent: boolean, error: string}} send takes the text
   */
  listen(send) {
    this.#box.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(send);
    });
  }

  disable() {
    this.#box.disabled = true;
  }

  // Sending comes last: the focus makes the browser compute its layout, and the reply would have to
  // wait for that.
  #submit(send) {
    this.#empty();
    const text = this.#box.value;
    this.#box.focus();
    const { sent, error } = send(text);
    this.#showError(error);
    if (!sent) return;
    this.#history.add(text);
    // A changed box makes the browser draw a frame at once, and the reply would wait for that, too.
    this.#sent = text;
    this.#drawing.later(this.#empty);
  }

  #empty = () => {
    // A script may have written another text.
    if (this.#box.value === this.#sent) this.#box.value = "";
    this.#sent = null;
    this.#fit();
  };

  // Enter in an empty box is pressed by mistake, but the button sends an empty message. While an
  // input method is composing a character, Enter belongs to it.
  #press(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (this.#box.value !== "") this.#send.click(); // does nothing while it is disabled
  }

  #fit() {
    const rows = Math.min(this.#box.value.split("\n").length, MOST_ROWS);
    if (rows !== this.#box.rows) this.#box.rows = rows; // the browser would draw again
  }

  #showError(error) {
    if (this.#error.textContent === error) return;
    this.#error.textContent = error;
    if (error) {
      this.#box.setAttribute("aria-invalid", "true");
      this.#box.setAttribute("aria-describedby", this.#error.id);
    } else {
      this.#box.removeAttribute("aria-invalid");
      this.#box.removeAttribute("aria-describedby");
    }
  }
}
