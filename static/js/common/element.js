/**
 * An element with its attributes and children; text is text, never markup.
 *
 * @param {string} tag
 * @param {Object<string, string>} attributes
 * @param {...(Node|string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Names with what is to be said of each, for a list of descriptions (dl).
 *
 * @param {[string, string][]} pairs
 * @returns {HTMLElement[]}
 */
export function descriptions(pairs) {
  return pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value)));
}
