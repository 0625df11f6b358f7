import { NoHttpResponse } from "./client.js";
import { getBook } from "./diagnosis/book.js";
import { gather, glance } from "./diagnosis/evidence.js";
import { connectionFacts } from "./diagnosis/facts.js";
import { judge } from "./diagnosis/judge.js";

const SECONDS = 5;

/**
 * @typedef {object} Explanation
 * @property {string} id names the fault
 * @property {string} meaning
 * @property {string} advice
 * @property {Object<string, string>} cures lines to paste, by product
 * @property {{line: string, headers: [string, string][]} | null} [arrived] the upgrade request as
 *     the server saw it
 */

/**
 * Find out why a connection did not open. A browser reports only that it failed, so this tries
 * again, and asks the server what it saw.
 *
 * @param {import("./client.js").NotConnected | NoHttpResponse} failure
 * @param {AbortSignal} [signal] cancels the requests
 * @returns {Promise<Explanation>}
 */
export async function explainFailure(failure, signal) {
  if (failure instanceof NoHttpResponse) return explainHttp(signal);
  let book;
  try {
    book = await getBook();
  } catch {
    return UNREACHABLE;
  }
  const { evidence } = await gather(failure.path, signal);
  const facts = connectionFacts(evidence, book);
  if (facts.upgrade === "open") return OPENED_LATER;
  const arrived = evidence.trace.attempts.at(-1)?.request ?? null;
  return { ...judge(book, "connection", facts), arrived };
}

/**
 * Find out why a connection did not open, as far as a plain request to its address tells. This
 * opens no more WebSockets, so a page may use it without being asked.
 *
 * @param {string} address with `http:` or `https:`
 * @param {boolean} isSilent whether the server did not answer another request
 * @returns {Promise<string>} a sentence, or "" if the request does not tell
 */
export async function briefReason(address, isSilent) {
  const evidence = await glance(address);
  if (!evidence.control) return isSilent ? UNREACHABLE.meaning : "";
  try {
    const book = await getBook();
    const { verdict, meaning } = judge(book, "connection", connectionFacts(evidence, book));
    return verdict === "bad" ? meaning : "";
  } catch {
    return ""; // no book
  }
}

async function explainHttp(signal) {
  const timeOut = AbortSignal.timeout(SECONDS * 1000);
  const all = signal ? AbortSignal.any([signal, timeOut]) : timeOut;
  try {
    await fetch("healthz", { cache: "no-store", signal: all });
    return UNRELIABLE;
  } catch {
    signal?.throwIfAborted();
    return UNREACHABLE;
  }
}

const OPENED_LATER = {
  id: "opening-stalled",
  meaning: "A WebSocket did not open once. When it was tried again, it did.",
  advice: "Something on the path is unreliable. Run this again.",
  cures: {},
};

const UNREACHABLE = {
  id: "unreachable",
  meaning: "The server is not reachable at all (not just WebSockets).",
  advice: "Check that it is running and that this page still reloads, then try again.",
  cures: {},
};

const UNRELIABLE = {
  id: "unreliable",
  meaning: "One HTTP request got no response, but the next one did. So this is not about "
    + "WebSockets: the server, or the network to it, is unreliable.",
  advice: "Run this check again. If it still fails, try another network.",
  cures: {},
};
