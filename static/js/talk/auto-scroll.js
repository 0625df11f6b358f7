/**
 * Keeps a growing list scrolled to its end. A reader who has scrolled up stays at the same line.
 */
export class AutoScroll {
  #element;
  #following = true;
  #remainder = 0; // fraction of a pixel that rounding took from the last correction

  /** @param {HTMLElement} element that scrolls; its child nodes are the list */
  constructor(element) {
    this.#element = element;
    element.addEventListener("scroll", () => this.#checkPosition());
    new ResizeObserver(() => this.#following && this.#toEnd()).observe(element);
  }

  /**
   * @param {number} surplus number of oldest children to remove
   * @param {Array<Node | string>} nodes to add at the end
   */
  update(surplus, nodes) {
    this.#checkPosition();
    if (surplus > 0) this.#drop(surplus);
    this.#element.append(...nodes);
    if (this.#following) this.#toEnd();
  }

  /** Replace all children and scroll to the end. */
  replace(nodes) {
    this.#element.replaceChildren(...nodes);
    this.#toEnd();
  }

  #checkPosition() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    if (clientHeight === 0) return; // hidden: keep the last known answer
    this.#following = scrollHeight - scrollTop - clientHeight < 2; // heights are rounded
  }

  #toEnd() {
    this.#following = true;
    this.#element.scrollTop = this.#element.scrollHeight;
  }

  // Scroll anchoring by hand, since not every browser has it. Browsers round scrollTop to device
  // pixels; without the remainder the text would creep as lines arrive.
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
