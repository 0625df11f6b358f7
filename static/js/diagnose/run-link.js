/**
 * Whether the page's address asks for a run: `#diagnose?run` does, once for each visit of the link.
 * Back and Forward show an entry of the history again, which must not run again. A reload may.
 *
 * @param {URLSearchParams} query of the link
 * @returns {boolean}
 */
export function asksForRun(query) {
  if (!query.has("run")) return false;
  const { state } = window.history;
  const thisLoad = performance.timeOrigin;
  if (state?.ranIn === thisLoad) return false;
  window.history.replaceState({ ...state, ranIn: thisLoad }, "");
  return true;
}
