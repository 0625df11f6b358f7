/**
 * What the panel knows as a check. Each is a module of its own in checks/, in two halves: one
 * that measures, and one that judges what was measured and is a pure function.
 *
 * @typedef {object} Check
 * @property {string} id
 * @property {string} title
 * @property {string} about what is done, in a sentence
 * @property {number} seconds it takes on a good connection: its share of the progress bar
 * @property {number} limit seconds after which it is given up
 * @property {function(Context): Promise<Result>} run
 *
 * @typedef {object} Context
 * @property {AbortSignal} signal ends the check: pass it on to whatever waits
 * @property {function(number, string=): void} progress takes the share that is done, from 0 to
 *     1, and what to show
 *
 * @typedef {object} Result
 * @property {"good"|"notable"|"bad"|"cancelled"|"not run"} verdict
 * @property {string} figure the one number, in a few words
 * @property {string} meaning
 * @property {string} [advice] what to do
 * @property {[string, string][]} [details] more figures, by name
 * @property {import("./result-chart.js").ResultChart} [chart]
 * @property {boolean} [unconnected] whether there was no WebSocket to try it on
 * @property {object} [data] all that was measured, for the JSON
 */
