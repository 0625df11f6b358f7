import { getBook } from "../../common/diagnosis/book.js";
import { gather } from "../../common/diagnosis/evidence.js";
import { by, connectionFacts } from "../../common/diagnosis/facts.js";
import { judge } from "../../common/diagnosis/judge.js";
import { formatDuration } from "../../common/format.js";

export const connection = {
  id: "connection",
  title: "Opening a connection",
  about: "Opens a WebSocket. If that fails, finds out who refused it.",
  seconds: 0.3,
  limit: 60,
  run: async ({ signal }) => judged(await gather("echo", signal)),
};

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
