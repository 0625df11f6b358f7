import { Ended, NoHttpResponse, NotConnected, TimedOut } from "../common/client.js";
import { explainFailure } from "../common/connection-failure.js";
import { formatClose, formatDuration } from "../common/format.js";
import { Lateness, withoutBlame } from "./lateness.js";

class OutOfTime extends Error {}

// A rule of this service, for /inspect only: other WebSockets open. So the checks that read the
// report have found no fault. The check of Host finds the cause.
const REPORT_REFUSED = ["host-changed", "another-site"];
const NO_REPORT = {
  verdict: "not run",
  figure: "",
  meaning: "Skipped: the server refuses /inspect to this page.",
};

/**
 * Run one check. An error becomes a result, too. If this page was late for most of the time, a
 * result that rests on a time accuses nobody.
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
  const lateness = new Lateness();
  try {
    const context = { signal: controller.signal, progress, lateness };
    const { timed = false, ...result } = await ended(check, context, cancel);
    const isAccusation = timed && ["bad", "notable"].includes(result.verdict);
    return isAccusation && lateness.isMost ? withoutBlame(result) : result;
  } finally {
    lateness.stop();
    clearTimeout(timer);
    cancel.removeEventListener("abort", stop);
  }
}

async function ended(check, context, cancel) {
  try {
    return await check.run(context);
  } catch (error) {
    return await explained(error, check, cancel);
  }
}

/**
 * Run checks one after the other, also after one that failed. If the first finds no connection,
 * skip the others.
 *
 * @param {import("./check.js").Check[]} checks
 * @param {AbortSignal} cancel
 * @param {function(import("./check.js").Check): Promise<import("./check.js").Result>} run
 * @param {function(import("./check.js").Check, import("./check.js").Result): void} skip
 */
export async function runAll(checks, cancel, run, skip) {
  let reason = null;
  for (const check of checks) {
    if (cancel.aborted) reason ??= "Skipped: the run was cancelled.";
    if (reason) {
      skip(check, { verdict: "not run", figure: "", meaning: reason });
      continue;
    }
    const { unconnected } = await run(check);
    if (unconnected && check === checks[0]) reason = "Skipped: no connection.";
  }
}

/** Find the cause of an error, unless the user cancels the check meanwhile. */
async function explained(error, check, cancel) {
  try {
    cancel.throwIfAborted();
    const result = await failed(error, check, cancel);
    return cancel.aborted ? cancelled() : result;
  } catch (another) {
    return cancel.aborted ? cancelled()
      : bad("error", "check-failed", `The check itself failed: ${another}.`);
  }
}

function cancelled() {
  return { verdict: "cancelled", figure: "", meaning: "You cancelled this check." };
}

async function failed(error, check, cancel) {
  if (error instanceof NotConnected) {
    const result = await noConnection(error, cancel);
    return { ...result, unconnected: result.verdict !== "not run", timed: error.timedOut };
  }
  if (error instanceof NoHttpResponse) return noConnection(error, cancel);
  if (error instanceof Ended) return cutOff(error);
  if (error instanceof TimedOut) {
    return bad("no reply", "no-reply", `The connection stayed open, but ${error.message}: `
      + "something on the path holds data back, or lost it.");
  }
  if (error instanceof OutOfTime) {
    return bad("out of time", "out-of-time", `This check did not finish within ${check.limit} s: `
      + "the connection is very slow, or stuck.");
  }
  return bad("error", "check-failed", `The check itself failed: ${error.message}.`);
}

async function noConnection(error, cancel) {
  const { verdict = "bad", ...explanation } = await explainFailure(error, cancel);
  if (REPORT_REFUSED.includes(explanation.id)) return { ...NO_REPORT, advice: explanation.advice };
  return { verdict, figure: "no connection", ...explanation };
}

async function cutOff({ code, reason, seconds, attempt }) {
  const after = `after ${formatDuration(seconds * 1000)}`;
  if (code === 1006) {
    return bad("cut off", "cut-during-messages", `The connection was cut ${after} without a Close `
      + "frame (1006). A healthy server does not do that: something on the path reset or dropped "
      + `the connection, or the server crashed. ${await attempt.bothEnds()}`);
  }
  return bad(`closed ${code}`, "closed-during-check", `The connection was closed ${after}, during `
    + `the check, with ${formatClose({ code, reason })}.`);
}

function bad(figure, id, meaning) {
  return {
    id,
    verdict: "bad",
    figure,
    meaning,
    advice: "Run this check again. If it still fails, look at the logs of the proxies and the "
      + "server for this moment.",
  };
}
