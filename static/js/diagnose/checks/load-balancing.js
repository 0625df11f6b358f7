import { Ended, NotConnected, TimedOut } from "../../common/client.js";
import { inspect } from "../../common/inspect.js";
import { formatCount } from "../../common/format.js";

const CONNECTIONS = 20;
const AT_ONCE = 5;

export const loadBalancing = {
  id: "load-balancing",
  title: "Spread over servers",
  about: `Opens ${CONNECTIONS} connections and counts the processes and hosts that answer.`,
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
  if (!servers.length) throw failure; // then it is no matter of this check
  return { servers, failed };
}

async function attempt(signal) {
  try {
    const { report } = await inspect({ signal });
    const { host, process, software } = report.server;
    return { server: { host, process, software } };
  } catch (error) {
    const expected = [NotConnected, Ended, TimedOut].some((kind) => error instanceof kind);
    if (!expected) throw error;
    return { error };
  }
}

/** @param {{servers: {host: string, process: number, software: object}[], failed: number}} data */
export function judge({ servers, failed }) {
  const byProcess = tally(servers, ({ host, process }) => `process ${process} on ${host}`);
  const hosts = tally(servers, ({ host }) => host);
  const versions = tally(servers, ({ software }) => JSON.stringify(software));
  const figure = `${formatCount(byProcess.size, "process", "processes")} on ${formatCount(hosts.size, "host")}`;
  return {
    ...conclusion({ failed, all: servers.length + failed, figure, versions: versions.size,
      processes: byProcess.size }),
    details: [...byProcess].map(([name, times]) => [name, formatCount(times, "connection")]),
    data: { failed, processes: Object.fromEntries(byProcess) },
  };
}

function tally(items, key) {
  const counts = new Map();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function conclusion({ failed, all, figure, versions, processes }) {
  if (failed) {
    return {
      verdict: "bad",
      figure: `${failed} of ${all} failed`,
      meaning: `${failed} of ${formatCount(all, "connection")} did not get through; the others reached `
        + `${figure}. So one of several servers is down, or something limits connections.`,
      advice: "Look at the health of each server behind the load balancer, and for a limit on "
        + "connections from one address.",
    };
  }
  if (versions > 1) {
    return {
      verdict: "notable",
      figure,
      meaning: `The servers run different software (${versions} sets of versions).`,
      advice: "If nobody is deploying just now, one of them was left behind.",
    };
  }
  return {
    verdict: "good",
    figure,
    meaning: processes === 1
      ? `All ${all} connections reached the same process.`
      : `${all} connections reached ${figure}. A client that reconnects may find another one, so `
        + "a server must not keep what it needs in one process.",
  };
}
