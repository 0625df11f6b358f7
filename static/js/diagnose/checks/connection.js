import { opens } from "../../common/client.js";
import { getBook } from "../../common/diagnosis/book.js";
import { gather } from "../../common/diagnosis/evidence.js";
import { by, connectionFacts } from "../../common/diagnosis/facts.js";
import { judge } from "../../common/diagnosis/judge.js";
import { formatDuration } from "../../common/format.js";

const ECHO = "echo"; // the path that the other checks use

export const connection = {
  id: "connection",
  title: "Opening a connection",
  about: "Opens a WebSocket. If that fails, finds out who refused it.",
  seconds: 0.3,
  limit: 60,
  run: ({ signal }) => echoResult(signal),
};

/**
 * @param {string} path of an address of this server, relative to its root
 * @returns {import("../check.js").Check} the same check, which opens this address first
 */
export function connectionTo(path) {
  if (path === ECHO) return connection;
  const run = async ({ signal }) => await failureAt(path, signal) ?? echoResult(signal);
  return { ...connection, run };
}

async function echoResult(signal) {
  return judged(await gather(ECHO, signal));
}

/** @returns {Promise<import("../check.js").Result | null>} null if the address opens */
async function failureAt(path, signal) {
  // A path may begin with a slash. Without the dot it would name another server.
  const result = await judged(await gather(`./${path}`, signal));
  if (!result.unconnected) return null;
  return await opens(ECHO, { signal }) ? unopened(`/${path}`, result) : result;
}

// The other checks can run, because they use /echo.
function unopened(address, result) {
  const meaning = `/echo opens, but ${address} does not. ${result.meaning}`;
  return { ...result, meaning, unconnected: false, unopened: address };
}

/** Judge an attempt. A path that was changed makes all other checks meaningless. */
async function judged({ evidence, seconds }) {
  const book = await getBook();
  const facts = connectionFacts(evidence, book);
  const opened = judge(book, "connection", facts);
  const path = facts.upgrade === "open" ? judge(book, "path", facts) : opened;
  const verdict = path.verdict === "bad" ? path : opened;
  return {
    ...verdict,
    figure: verdict.id === "open" ? formatDuration(seconds * 1000) : "no connection",
    unconnected: verdict.id !== "open",
    timed: facts.upgrade === "silent",
    details: details(evidence, facts),
    data: { facts, evidence },
  };
}

const AUTHORS = { service: "this service", parser: "gunicorn", proxy: "something else" };

function details({ control, health, trace }, { product }) {
  return [
    ["proxy", product || "not recognized"],
    ["the server saw", sawText(trace)],
    ...(control ? [["plain request to the same address", answerText(control)]] : []),
    ["healthz", answerText(health)],
    ...arrivedLines(trace),
  ];
}

function arrivedLines({ attempts }) {
  const request = attempts.at(-1)?.request;
  if (!request) return [];
  return [["request line as it arrived", request.line], ...request.headers];
}

function sawText({ state, attempts, reason }) {
  if (state === "unknown") return `unknown: ${reason}`;
  const last = attempts.at(-1);
  if (!last) return "no upgrade request";
  return last.refusal ? `a request that it refused (${last.refusal.status})` : "the connection";
}

function answerText(answer) {
  if (!answer) return "no answer";
  const status = answer.status || "a redirect";
  const protocol = answer.protocol ? ` over ${answer.protocol}` : "";
  return `${status} from ${AUTHORS[by(answer)]}${protocol}`;
}
