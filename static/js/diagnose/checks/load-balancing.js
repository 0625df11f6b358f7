import { Client, Ended, NotConnected, opens, TimedOut } from "../../common/client.js";
import { seen } from "../../common/diagnosis/evidence.js";
import { formatCount } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";
import { newTraceId } from "../../common/trace.js";
import { verdictResult } from "../verdict-result.js";

const HELD = 6; // connections at once
const PAUSE_MS = 400; // a proxy learns a little later that a connection has ended
const ASKED = 20; // connections that ask which process they have reached
const AT_ONCE = 5;

export const loadBalancing = {
  id: "load-balancing",
  title: "Load balancing",
  needs: ["inspect"],
  about: `Holds ${HELD} connections at once, then opens ${ASKED} and counts the processes and `
    + "hosts that respond.",
  seconds: 1,
  limit: 90,
  run: async (context) => judge(await measure(context)),
};

async function measure(context) {
  let { failures, error } = await hold(context.signal);
  // A busy machine may have been late. Nobody is accused for one failure.
  if (failures.length) {
    await pause();
    ({ failures, error } = await hold(context.signal));
  }
  const why = failures.length ? await reasons(failures[0], context.signal) : {};
  // No connection at all, which the runner explains.
  if (failures.length === HELD && why.alone === "none") throw error;
  const { lost, ...asked } = await ask(context);
  // Others open, so this is about /inspect, which the runner explains.
  if (!failures.length && !asked.servers.length) throw lost;
  return { held: HELD, failed: failures.length, why, ...asked };
}

/** Open connections at once. Those that open stay open until all have been tried. */
async function hold(signal) {
  const ids = Array.from({ length: HELD }, newTraceId);
  const tries = await Promise.allSettled(ids.map((trace) =>
    Client.open("echo", { signal, trace })));
  signal.throwIfAborted();
  for (const { value } of tries) value?.close();
  const failures = ids.filter((_, at) => tries[at].status === "rejected");
  return { failures, error: tries.find(({ reason }) => reason)?.reason };
}

/** Find out why a connection failed: who refused it, and whether it opens alone. */
async function reasons(id, signal) {
  const trace = await seen(id, signal);
  const last = trace.attempts.at(-1);
  const problem = last?.refusal?.problem ?? "";
  const alone = [];
  while (!problem && alone.length < HELD) alone.push(await opensAlone(signal));
  return {
    problem,
    server_saw: last ? "something" : { none: "nothing" }[trace.state] ?? trace.state,
    alone: problem ? "" : share(alone),
  };
}

function share(opened) {
  if (opened.every(Boolean)) return "all";
  return opened.some(Boolean) ? "some" : "none";
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

async function opensAlone(signal) {
  await pause();
  return opens("echo", { signal });
}

async function ask({ signal, progress }) {
  const servers = [];
  let [unanswered, lost] = [0, null];
  for (let done = 0; done < ASKED; done += AT_ONCE) {
    const attempts = Array.from({ length: AT_ONCE }, () => server(signal));
    for (const { found, error } of await Promise.all(attempts)) {
      if (found) servers.push(found);
      else [unanswered, lost] = [unanswered + 1, error];
    }
    progress((done + AT_ONCE) / ASKED);
  }
  return { servers, unanswered, lost };
}

async function server(signal) {
  try {
    const { report } = await inspect({ signal });
    const { host, process, software } = report.server;
    return { found: { host, process, software } };
  } catch (error) {
    const isExpected = [NotConnected, Ended, TimedOut].some((kind) => error instanceof kind);
    if (!isExpected) throw error;
    return { error };
  }
}

/**
 * @param {object} data
 * @param {number} data.held how many connections were tried at once
 * @param {number} data.failed of them
 * @param {object} data.why facts about the first that failed
 * @param {{host: string, process: number, software: object}[]} data.servers which answered
 * @param {number} data.unanswered of the connections that asked
 */
export function judge(data) {
  const { held, failed, why, servers, unanswered } = data;
  const processes = tally(servers, ({ host, process }) => `process ${process} on ${host}`);
  const hosts = tally(servers, ({ host }) => host);
  const versions = tally(servers, ({ software }) => JSON.stringify(software));
  // Some connections fail one after the other, too: that is no limit on how many are open.
  const facts = !failed && unanswered
    ? {
      failed: true,
      count: String(unanswered),
      all: String(ASKED),
      alone: processes.size > 1 ? "some" : "",
    }
    : { failed: failed > 0, count: String(failed), all: String(held), ...why };
  const figure = `${formatCount(processes.size, "process", "processes")} on `
    + formatCount(hosts.size, "host");
  return verdictResult("several", {
    servers: processes.size === 1 ? "one" : "several",
    versions: versions.size > 1 ? "several" : "one",
    ...facts,
  }, {
    figure: facts.failed ? `${facts.count} of ${facts.all} failed` : figure,
    details: [...processes].map(([name, times]) => [name, formatCount(times, "connection")]),
    data: { ...data, servers: undefined, processes: Object.fromEntries(processes) },
  });
}

function tally(items, key) {
  const counts = new Map();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}
