/** The end of a growing list in a scrolling element: it is followed, or the reader's place kept. */
export class Tail {
  #element;
  #following = true;
  #remainder = 0; // of a pixel: what rounding held back from the last correction

  /** @param {HTMLElement} element scrolls; its children, and text between them, are the list */
  constructor(element) {
    this.#element = element;
    element.addEventListener("scroll", () => this.#look());
    new ResizeObserver(() => this.#following && this.#toEnd()).observe(element);
  }

  /**
   * @param {number} surplus how many of the oldest children have to go
   * @param {Array<Node | string>} nodes to be added at the end
   */
  update(surplus, nodes) {
    this.#look();
    if (surplus > 0) this.#drop(surplus);
    this.#element.append(...nodes);
    if (this.#following) this.#toEnd();
  }

  /** Put other children in place of all there are, and show their end. */
  replace(nodes) {
    this.#element.replaceChildren(...nodes);
    this.#toEnd();
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    if (clientHeight === 0) return; // hidden: what was true when it was last seen still is
    this.#following = scrollHeight - scrollTop - clientHeight < 2; // heights are rounded
  }

  #toEnd() {
    this.#following = true;
    this.#element.scrollTop = this.#element.scrollHeight;
  }

  // By hand, as not every browser anchors scrolling. Browsers round scrollTop to device pixels,
  // so without the remainder a steady stream would make the text creep.
  #drop(count) {
    const { children } = this.#element;
    const first = children[0];
    const survivor = children[count];
    if (!survivor) return this.#element.replaceChildren();
    const height = survivor.getBoundingClientRect().top - first.getBoundingClientRect().top;
    const target = Math.max(0, this.#element.scrollTop - height + this.#remainder);
    const range = document.createRange();
    range.setStartBefore(first);
    range.setEndBefore(survivor);
    range.deleteContents();
    this.#element.scrollTop = target;
    this.#remainder = target - this.#element.scrollTop;
  }
}
