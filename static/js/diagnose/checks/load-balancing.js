import { Ended, NotConnected, TimedOut } from "../../common/client.js";
import { formatCount } from "../../common/format.js";
import { inspect } from "../../common/inspect.js";

const CONNECTIONS = 20;
const AT_ONCE = 5;

export const loadBalancing = {
  id: "load-balancing",
  title: "Load balancing",
  needs: ["inspect"],
  about: `Opens ${CONNECTIONS} connections and counts the processes and hosts that respond.`,
  seconds: 1,
  limit: 90,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const servers = [];
  let failure = null;
  let failed = 0;
  for (let done = 0; done < CONNECTIONS; done += AT_ONCE) {
    const attempts = Array.from({ length: AT_ONCE }, () => attempt(signal));
    for (const { server, error } of await Promise.all(attempts)) {
      if (server) servers.push(server);
      else [failure, failed] = [error, failed + 1];
    }
    progress((done + AT_ONCE) / CONNECTIONS);
  }
  if (!servers.length) throw failure; // no connection at all, which the runner explains
  return { servers, failed };
}

async function attempt(signal) {
  try {
    const { report } = await inspect({ signal });
    const { host, process, software } = report.server;
    return { server: { host, process, software } };
  } catch (error) {
    const isExpected = [NotConnected, Ended, TimedOut].some((kind) => error instanceof kind);
    if (!isExpected) throw error;
    return { error };
  }
}

/** @param {{servers: {host: string, process: number, software: object}[], failed: number}} data */
export function judge({ servers, failed }) {
  const processes = tally(servers, ({ host, process }) => `process ${process} on ${host}`);
  const hosts = tally(servers, ({ host }) => host);
  const versions = tally(servers, ({ software }) => JSON.stringify(software));
  const figure = `${formatCount(processes.size, "process", "processes")} on `
    + formatCount(hosts.size, "host");
  return {
    figure,
    ...conclusion({ servers, failed, figure, versions, processes }),
    details: [...processes].map(([name, times]) => [name, formatCount(times, "connection")]),
    data: { failed, processes: Object.fromEntries(processes) },
  };
}

function tally(items, key) {
  const counts = new Map();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function conclusion({ servers, failed, figure, versions, processes }) {
  const all = servers.length + failed;
  if (failed) return someFailed(failed, all, figure);
  if (versions.size > 1) {
    return {
      verdict: "notable",
      meaning: `The servers run different software (${versions.size} sets of versions).`,
      advice: "Unless a deployment is in progress, one server was left behind.",
    };
  }
  return {
    verdict: "good",
    meaning: processes.size === 1
      ? `All ${all} connections reached the same process.`
      : `${all} connections reached ${figure}. A client that reconnects may reach another one, so `
        + "a server must not keep state in one process.",
  };
}

function someFailed(failed, all, figure) {
  return {
    verdict: "bad",
    figure: `${failed} of ${all} failed`,
    meaning: `${failed} of ${formatCount(all, "connection")} failed; the others reached ${figure}. `
      + "One of several servers is down, or something limits connections.",
    advice: "Check the health of each server behind the load balancer, and any limit on "
      + "connections from one address.",
  };
}
