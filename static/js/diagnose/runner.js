import { Ended, NotConnected, TimedOut, Unanswered } from "../common/client.js";
import { explainFailure } from "../common/connection-failure.js";
import { formatClose, formatDuration } from "../common/format.js";

class OutOfTime extends Error {}

/**
 * Run one check to its end, which is a result whatever happens.
 *
 * @param {import("./check.js").Check} check
 * @param {AbortSignal} cancel
 * @param {function(number, string=): void} progress
 * @returns {Promise<import("./check.js").Result>}
 */
export async function runCheck(check, cancel, progress) {
  const controller = new AbortController();
  const stop = () => controller.abort(cancel.reason);
  const timer = setTimeout(() => controller.abort(new OutOfTime()), check.limit * 1000);
  cancel.addEventListener("abort", stop);
  try {
    return await check.run({ signal: controller.signal, progress });
  } catch (error) {
    const result = cancel.aborted ? null : await failed(error, check, cancel);
    return cancel.aborted ? cancelled() : result;
  } finally {
    clearTimeout(timer);
    cancel.removeEventListener("abort", stop);
  }
}

/**
 * Run checks one after the other. One that fails does not stop the others, unless it is the
 * first and there is no connection at all.
 *
 * @param {import("./check.js").Check[]} checks
 * @param {AbortSignal} cancel
 * @param {function(import("./check.js").Check): Promise<import("./check.js").Result>} run
 * @param {function(import("./check.js").Check, import("./check.js").Result): void} skip
 */
export async function runAll(checks, cancel, run, skip) {
  let reason = null;
  for (const check of checks) {
    if (cancel.aborted) reason ??= "The run was cancelled before this check.";
    if (reason) {
      skip(check, { verdict: "not run", figure: "", meaning: reason });
      continue;
    }
    const { unconnected } = await run(check);
    if (unconnected && check === checks[0]) reason = "There was no connection to try this on.";
  }
}

function cancelled() {
  return { verdict: "cancelled", figure: "", meaning: "You cancelled this check." };
}

async function failed(error, check, cancel) {
  if (error instanceof NotConnected) {
    return { ...await noConnection(error, cancel), unconnected: true };
  }
  if (error instanceof Unanswered) return noConnection(error, cancel);
  if (error instanceof Ended) return cutOff(error);
  if (error instanceof TimedOut) {
    return bad("no answer", `The connection stayed open, but ${error.what} did not come within `
      + `${error.seconds} s: something in between holds data back, or lost it.`);
  }
  if (error instanceof OutOfTime) {
    return bad("out of time", `The check was not done after ${check.limit} s and was given up: `
      + "the connection is very slow, or stands still.");
  }
  return bad("error", `The check itself failed: ${error.message}.`);
}

async function noConnection(error, cancel) {
  const { meaning, advice } = await explainFailure(error, cancel);
  return { verdict: "bad", figure: "no connection", meaning, advice };
}

function cutOff({ code, reason, seconds }) {
  const when = `after ${formatDuration(seconds * 1000)}`;
  if (code === 1006) {
    return bad("cut off", `The connection was cut ${when} without a close frame (1006). `
      + "A healthy server does not do that, so something in between reset or dropped it, or the "
      + "server gave up or was killed.");
  }
  const told = formatClose({ code, reason });
  return bad(`closed ${code}`,
    `The connection was closed ${when} with ${told} in the middle of the check.`);
}

function bad(figure, meaning) {
  return {
    verdict: "bad",
    figure,
    meaning,
    advice: "Run this check again. If it stays so, look at the logs of the proxies and of the "
      + "server for this moment.",
  };
}
