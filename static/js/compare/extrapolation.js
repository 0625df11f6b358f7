/** So many clients are extrapolated to. */
export const CLIENTS = [1_000, 100_000];

/** What the extrapolation takes for granted. */
export const ASSUMPTIONS = "Each client does what this browser did, all day. Costs grow in "
  + "proportion. Not counted: TCP/IP, TLS, accepting connections, and connections that only wait.";

/**
 * @param {import("./figures.js").Figures} figures of one client
 * @param {number} seconds how long the run took
 * @param {number} clients
 * @returns {{requests: number, megabytes: number | null, cpuSeconds: number | null}} per second:
 *     requests and messages, megabytes both ways, and CPU time of the server
 */
export function extrapolate(figures, seconds, clients) {
  const rate = (value) => (value === null || !seconds ? null : (value / seconds) * clients);
  const { sentBytes, receivedBytes, requests, events, polls, id } = figures;
  const bytes = sentBytes === null ? null : (sentBytes + receivedBytes) / 1e6;
  return {
    // A stream has one request, and a message for each event.
    requests: rate(polls || id === "long" ? requests : requests + events) ?? 0,
    megabytes: rate(bytes),
    cpuSeconds: rate(figures.cpuSeconds),
  };
}
