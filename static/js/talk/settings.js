/**
 * What this browser remembers of a name. Storage may be full, switched off, or hold anything.
 *
 * @param {string} name
 * @returns {object} what was remembered, or an empty object
 */
export function recall(name) {
  try {
    const value = JSON.parse(window.localStorage.getItem(name));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * @param {string} name
 * @param {object} value
 */
export function remember(name, value) {
  try {
    window.localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Then it is forgotten with the page.
  }
}
