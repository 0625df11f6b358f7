import { Unanswered } from "../common/client.js";

/**
 * A plain HTTP request, to compare a WebSocket with.
 *
 * @returns {Promise<Headers>} of the answer, when all of it has come
 * @throws {Unanswered}
 */
export async function fetchHealthHeaders(signal) {
  try {
    const answer = await fetch("healthz", { cache: "no-store", signal });
    await answer.text();
    return answer.headers;
  } catch {
    signal.throwIfAborted();
    throw new Unanswered("healthz");
  }
}
