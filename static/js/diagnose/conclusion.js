/**
 * The result of a check with its name.
 *
 * @typedef {object} Outcome
 * @property {string} id of the check
 * @property {string} title of the check
 * @property {import("./check.js").Result} result
 *
 * @typedef {object} Conclusion
 * @property {string} text one sentence, without a stop
 * @property {"good" | "notable" | "bad" | "unknown"} verdict
 */

// Who is to blame if no WebSocket opens: by the place of the verdict.
const BLOCKED = {
  proxy: "A proxy blocks WebSockets",
  "behind the proxy": "The server behind the proxy does not answer",
  network: "The server is not reachable",
  service: "The server refuses WebSockets",
  server: "The server has no WebSocket at this address",
};
const SOMETHING = "Something on the path blocks WebSockets";
const NOW = "The server takes no more WebSockets for now";
// Verdicts that tell more, or less, than their place.
const EXACTLY = {
  // A firewall or security software does this, too.
  "upgrade-blocked": SOMETHING,
  "upgrade-held": SOMETHING,
  "answer-held": SOMETHING,
  "answer-lost": SOMETHING,
  "prefix-added": "A proxy changes the address of the WebSocket",
  "path-rewritten": "A proxy changes the address of the WebSocket",
  "prefix-not-stripped": BLOCKED.server,
  draining: "The server is shutting down",
  "server-full": NOW,
  "client-share": NOW,
  "handshake-rate": NOW,
  "no-thread": NOW,
  unreachable: BLOCKED.network,
  "opening-stalled": "WebSockets open here only sometimes",
};
const UNKNOWN_WHY = "It is unknown why WebSockets do not work here";
const UNKNOWN_WHETHER = "It is unknown whether WebSockets work here";

// A connection that opens, and is of no use.
const USELESS = {
  "cut-during-messages": "WebSockets open here, but are cut",
  "no-reply": "WebSockets open here, but messages get lost",
};
const NEEDS_A_CONNECTION = ["good", "notable"]; // verdicts

/**
 * Sum all results up. Accuse nobody unless a verdict does.
 *
 * @param {Outcome[]} outcomes in the order of the checks
 * @returns {Conclusion}
 */
export function conclude(outcomes) {
  const results = outcomes.map(({ result }) => result);
  const first = outcomes.find(({ id }) => id === "connection")?.result;
  const failed = first ?? results.find(({ unconnected }) => unconnected);
  if (failed?.unconnected) return blocked(failed);
  if (first?.unopened) return onlyElsewhere(first);
  if (!results.some(({ verdict }) => NEEDS_A_CONNECTION.includes(verdict))) {
    return { text: UNKNOWN_WHETHER, verdict: "unknown" };
  }
  return opened(results, outcomes.find(({ id }) => id === "round-trip")?.result);
}

function blocked({ verdict, id, place }) {
  const text = verdict === "bad" ? EXACTLY[id] ?? BLOCKED[place] : null;
  return text ? { text, verdict } : { text: UNKNOWN_WHY, verdict: "unknown" };
}

function onlyElsewhere({ verdict, unopened }) {
  return { text: `WebSockets work at /echo, but not at ${unopened}`, verdict };
}

function opened(results, roundTrip) {
  const [bad, notable] = ["bad", "notable"].map((wanted) =>
    results.filter(({ verdict }) => verdict === wanted).length);
  const verdict = bad ? "bad" : notable ? "notable" : "good";
  if (roundTrip?.verdict === "bad" && USELESS[roundTrip.id]) {
    return { text: USELESS[roundTrip.id], verdict };
  }
  const parts = [counted(bad, "problem"), counted(notable, "remark")].filter(Boolean);
  if (!parts.length) return { text: "WebSockets work here", verdict };
  return { text: `WebSockets work, with ${parts.join(" and ")}`, verdict };
}

function counted(number, noun) {
  return number && `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// A connection that nobody can explain matters more than a remark.
const RANKS = [
  ({ verdict }) => verdict === "bad",
  ({ verdict, unconnected, unopened }) => verdict === "unknown" && (unconnected || unopened),
  ({ verdict }) => verdict === "notable",
];

/**
 * @param {Outcome[]} outcomes in the order of the checks
 * @returns {Outcome | null} the one to look at first; null if nothing was found
 */
export function worstOf(outcomes) {
  const found = RANKS.map((rank) => outcomes.find(({ result }) => rank(result)));
  return found.find(Boolean) ?? null;
}

const ORDER = ["bad", "notable", "unknown", "good", "cancelled", "not run"];

/**
 * @param {Outcome[]} outcomes
 * @returns {string} such as "1 bad, 12 not run"
 */
export function countVerdicts(outcomes) {
  const found = outcomes.map(({ result }) => result.verdict);
  const counts = ORDER.map((verdict) =>
    [found.filter((other) => other === verdict).length, verdict]);
  return counts.filter(([number]) => number).map((pair) => pair.join(" ")).join(", ");
}
