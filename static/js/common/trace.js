const SECONDS = 5; // for one request
const ID_BYTES = 16; // docs/traces.md: an ID has 32 hex digits
const PATIENCE_MS = 3_000; // for the server to notice the end of a connection
const PAUSE_MS = 500;

/** @returns {string} an ID that nobody else has: 32 lower-case hex digits */
export function newTraceId() {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} path or address of a WebSocket, perhaps with a query
 * @param {string} id
 * @returns {string} the same with `trace=ID` in its query, in place of another one
 */
export function withTrace(path, id) {
  const [address, query = ""] = path.split("?");
  const others = query.split("&").filter((part) => part && !part.startsWith("trace="));
  return `${address}?${[...others, `trace=${id}`].join("&")}`;
}

/**
 * @typedef {object} Trace
 * @property {"found" | "none" | "off" | "unreadable"} state
 * @property {object[]} [attempts] of a trace that was found, the last one last; see docs/traces.md
 * @property {number | null} [droppedAt] with "none": when the server last dropped traces to make
 *     room for others, in seconds (Unix)
 * @property {string | null} [store] with "none": names the store that was asked
 * @property {string | null} [reason] why there is no trace
 */

/**
 * Ask the server for the trace of a connection.
 *
 * @param {string} id
 * @param {{signal?: AbortSignal}} options
 * @returns {Promise<Trace>}
 * @throws the signal's reason, if it aborts the request
 */
export async function readTrace(id, { signal } = {}) {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const stop = () => controller.abort();
  const timer = setTimeout(stop, SECONDS * 1000);
  signal?.addEventListener("abort", stop);
  try {
    const options = { cache: "no-store", signal: controller.signal };
    const response = await fetch(`traces/${id}`, options);
    return judge(response.status, await response.json());
  } catch (error) {
    signal?.throwIfAborted();
    return unreadable(reasonOf(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * Read the trace of a connection that has ended, as soon as the server has noticed the end. After
 * three seconds, return the last answer.
 *
 * @param {string} id
 * @param {{signal?: AbortSignal}} options
 * @returns {Promise<Trace>}
 * @throws the signal's reason, if it aborts a request
 */
export async function readClosedTrace(id, { signal } = {}) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const trace = await readTrace(id, { signal });
    if (isFinal(trace) || performance.now() + PAUSE_MS > deadline) return trace;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function isFinal({ state, attempts }) {
  return state === "off" || (state === "found" && attempts.at(-1).outcome !== "open");
}

function judge(status, body) {
  const { attempts, status: kept, reason = null, store = null } = body ?? {};
  const { dropped_at: droppedAt = null } = body ?? {};
  if (status === 200 && attempts?.length > 0) return { state: "found", attempts };
  if (status === 404 && kept === "on") return { state: "none", droppedAt, reason, store };
  if (status === 404 && kept === "off") return { state: "off", reason };
  return unreadable(`status ${status} without a trace`);
}

function unreadable(reason) {
  return { state: "unreadable", reason };
}

function reasonOf(error) {
  if (error.name === "AbortError") return `no response within ${SECONDS} s`;
  return error.name === "SyntaxError" ? "the answer is not JSON" : "no response";
}
