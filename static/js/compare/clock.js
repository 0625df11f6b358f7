const SAMPLES = 9;

/** @returns {number} the time of this browser in milliseconds (Unix), with fractions */
export function now() {
  return performance.timeOrigin + performance.now();
}

/**
 * Compare this browser's clock with the server's. Of several answers the one with the shortest
 * round trip is taken: the server read its clock between the request and the answer.
 *
 * @returns {Promise<{offsetMs: number, errorMs: number}>} what to add to a time of this browser,
 *     and the largest possible error
 */
export async function compareClocks() {
  let best = { offsetMs: 0, errorMs: Infinity };
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const asked = now();
    const response = await fetch("events/clock", { cache: "no-store" });
    const answered = now();
    best = better(best, asked, answered, (await response.json()).now * 1000);
  }
  return best;
}

function better(best, asked, answered, server) {
  const errorMs = (answered - asked) / 2;
  return errorMs < best.errorMs ? { offsetMs: server - (asked + answered) / 2, errorMs } : best;
}
