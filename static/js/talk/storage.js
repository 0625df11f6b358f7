/**
 * Values kept in this browser. Its storage may be full or switched off, and hold anything.
 *
 * @param {string} name
 * @returns {object} the stored value, or an empty object
 */
export function load(name) {
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
export function store(name, value) {
  try {
    window.localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The value is lost when the page is left.
  }
}
