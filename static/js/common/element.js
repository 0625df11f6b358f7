/**
 * Create an element. Strings become text, never markup.
 *
 * @param {string} tag
 * @param {Object<string, string>} attributes
 * @param {...(Node|string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

/**
 * @param {[string, string][]} pairs names and their descriptions
 * @returns {HTMLElement[]} the content of a description list (dl)
 */
export function descriptions(pairs) {
  return pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value)));
}
