import { NoHttpResponse } from "../common/client.js";

/**
 * Make a plain HTTP request, to compare a WebSocket with.
 *
 * @returns {Promise<Headers>} of the response, once its body has arrived
 * @throws {NoHttpResponse}
 */
export async function fetchHealthHeaders(signal) {
  try {
    const response = await fetch("healthz", { cache: "no-store", signal });
    await response.text();
    return response.headers;
  } catch {
    signal.throwIfAborted();
    throw new NoHttpResponse("healthz");
  }
}
