import { withClient } from "../../common/client.js";
import { formatClose } from "../../common/format.js";
import { verdictResult } from "../verdict-result.js";

// A normal end, a failure of the server, and a private code with a non-ASCII reason.
const CLOSES = [
  { code: 1000, reason: "done" },
  { code: 1011, reason: "unexpected" },
  { code: 4001, reason: "naïve, 漢字" },
];

export const closeCodes = {
  id: "close-codes",
  title: "Close codes",
  needs: ["faults"],
  about: "Has the server close with three codes and checks that they arrive.",
  seconds: 1,
  limit: 60,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal, progress }) {
  const closes = [];
  for (const sent of CLOSES) {
    const query = `close=${sent.code}&reason=${encodeURIComponent(sent.reason)}&after=0`;
    const { code, reason } = await withClient(`echo?${query}`, { signal }, (client) =>
      client.ended());
    closes.push({ sent, arrived: { code, reason } });
    progress(closes.length / CLOSES.length);
  }
  return { closes };
}

/** @param {{closes: {sent: object, arrived: object}[]}} data each with `code` and `reason` */
export function judge(data) {
  const closes = data.closes.map(({ sent, arrived }) => ({
    sent: formatClose(sent),
    arrived: formatClose(arrived),
    code: arrived.code,
    expected: sent.code,
  }));
  const wrong = closes.filter(({ sent, arrived }) => sent !== arrived);
  const all = closes.length;
  return verdictResult("close-codes", facts(wrong, all), {
    figure: figure(wrong, all),
    details: closes.map(({ sent, arrived }) => [`sent ${sent}`, `arrived ${arrived}`]),
    data,
  });
}

function facts([first, ...rest], all) {
  return {
    wrong: Boolean(first),
    cut: first?.code === 1006,
    count: String(first ? rest.length + 1 : 0),
    all: String(all),
    sent: first?.sent ?? "",
    arrived: first?.arrived ?? "",
  };
}

function figure([first], all) {
  if (!first) return `${all} of ${all}`;
  return first.code === 1006 ? "cut off" : `${first.code} for ${first.expected}`;
}
