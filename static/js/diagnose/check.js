/**
 * A check of the panel. Each is a module in checks/ with two halves: one measures, the other is a
 * pure function that judges the measurement.
 *
 * @typedef {object} Check
 * @property {string} id
 * @property {string} title
 * @property {string} about one sentence about what the check does
 * @property {import("../common/features.js").Feature[]} [needs] features of the server
 * @property {number} seconds it takes on a good connection: its share of the progress bar
 * @property {number} limit seconds after which it is stopped
 * @property {function(Context): Promise<Result>} run
 *
 * @typedef {object} Context
 * @property {AbortSignal} signal ends the check: pass it to everything that waits
 * @property {function(number, string=): void} progress takes the share that is done, from 0 to
 *     1, and a text to show
 * @property {import("./lateness.js").Lateness} lateness of this page since the check began
 *
 * @typedef {object} Result
 * @property {"good"|"notable"|"bad"|"unknown"|"cancelled"|"not run"} verdict
 * @property {string} figure the most important number, in a few words
 * @property {string} meaning
 * @property {string} [advice]
 * @property {string} [id] names the fault, for programs
 * @property {string} [place] where the fault is, as the rules have it
 * @property {Object<string, string>} [cures] lines to paste, by product
 * @property {[string, string][]} [details] more numbers, each with its name
 * @property {import("./result-chart.js").ResultChart} [chart]
 * @property {boolean} [unconnected] whether the check found no WebSocket connection
 * @property {boolean} [timed] whether a bad verdict rests on a long time alone
 * @property {object} [data] the whole measurement, for the saved report
 * @property {string} [unopened] the address of the link, if it does not open although /echo does
 */
