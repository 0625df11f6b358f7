const LIMIT = 1000; // entries: more than anyone reads, few enough for a phone
const PREFIXES = { event: "###", sent: ">>>", received: "<<<" };

/** The newest entries, oldest first, in a scrolling element that keeps the reader's place. */
export class Log {
  #element;
  #remainder = 0; // of a pixel: what rounding held back from the last correction

  constructor(element) {
    this.#element = element;
  }

  /**
   * @param {"event" | "sent" | "received"} kind
   * @param {string} text is shown as it is, never as markup
   */
  write(kind, text) {
    const following = this.#isAtEnd();
    this.#element.append(entry(kind, text), "\n");
    if (this.#element.childElementCount > LIMIT) this.#dropOldest();
    if (following) this.#element.scrollTop = this.#element.scrollHeight;
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    return scrollHeight - scrollTop - clientHeight < 2; // heights are rounded, scrollTop is not
  }

  // By hand, as not every browser anchors scrolling. Browsers round scrollTop to device pixels,
  // so without the remainder a steady stream would make the text creep.
  #dropOldest() {
    const [oldest, lineBreak] = this.#element.childNodes;
    const { height } = oldest.getBoundingClientRect();
    const target = Math.max(0, this.#element.scrollTop - height + this.#remainder);
    oldest.remove();
    lineBreak.remove();
    this.#element.scrollTop = target;
    this.#remainder = target - this.#element.scrollTop;
  }
}

function entry(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = `${PREFIXES[kind]} ${text}`;
  return element;
}
