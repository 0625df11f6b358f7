import { readJson } from "./answer.js";

const SAMPLES = 9;

/** @returns {number} the time of this browser in milliseconds (Unix), with fractions */
export function now() {
  return performance.timeOrigin + performance.now();
}

/**
 * Compare this browser's clock with the server's. Of several answers the one with the shortest
 * round trip is taken: the server read its clock between the request and the answer. Browsers
 * round their clock, so the error includes its step.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<{offsetMs: number, errorMs: number}>} what to add to a time of this browser,
 *     and the largest possible error
 * @throws {Error} if the server does not answer
 */
export async function compareClocks(signal) {
  let best = { offsetMs: 0, errorMs: Infinity };
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const asked = now();
    const response = await fetch("events/clock", { cache: "no-store", signal });
    const answered = now();
    best = better(best, asked, answered, (await readJson(response)).now * 1000);
  }
  return { ...best, errorMs: best.errorMs + clockStep() };
}

function clockStep() {
  const before = performance.now();
  let after = before;
  while (after === before) after = performance.now();
  return after - before;
}

/** @returns {string} such as "3.1 ms ahead of this browser's, within 0.6 ms" */
export function formatClock({ offsetMs, errorMs }) {
  const side = offsetMs < 0 ? "behind" : "ahead of";
  return `${Math.abs(offsetMs).toFixed(1)} ms ${side} this browser's, `
    + `within ${errorMs.toFixed(1)} ms`;
}

function better(best, asked, answered, server) {
  const errorMs = (answered - asked) / 2;
  return errorMs < best.errorMs ? { offsetMs: server - (asked + answered) / 2, errorMs } : best;
}
