import { NotConnected } from "../../common/client.js";
import { getBook } from "../../common/diagnosis/book.js";
import { gather } from "../../common/diagnosis/evidence.js";
import {
  arrivalFacts,
  compressionFacts,
  connectionFacts,
} from "../../common/diagnosis/facts.js";
import { verdictResult } from "../verdict-result.js";

/** The checks of the request as it arrived. Each opens a connection of its own. */
export const [path, host, origin, compression] = [
  ["path", "Path", "Checks that the path arrives as this browser sent it."],
  ["host", "Host", "Checks that Host arrives as this browser sent it."],
  ["origin", "Origin", "Checks that Origin arrives as this browser sent it."],
  ["compression", "Compression", "Compares the offer of compression that the server received, its "
    + "answer, and the result in this browser."],
].map(([id, title, about]) => ({
  id,
  title,
  about,
  // Without a trace, only the answer to the offer of compression can be judged.
  needs: id === "compression" ? [] : ["traces"],
  seconds: 0.2,
  limit: 30,
  run: ({ signal }) => run(id, signal),
}));

async function run(id, signal) {
  const { evidence, extensions } = await gather("echo", signal);
  if (evidence.upgrade.outcome !== "open") {
    throw new NotConnected("echo", evidence.upgrade.outcome === "silent");
  }
  const book = await getBook();
  const facts = {
    ...connectionFacts(evidence, book),
    ...arrivalFacts(evidence),
    ...compressionFacts(evidence, extensions.includes("permessage-deflate")),
  };
  return verdictResult(id, facts, { details: DETAILS[id](facts, extensions) });
}

const compared = (name) => (facts) => [
  ["sent", facts[`shown_${name}`] || "none"],
  ["arrived", facts[`shown_${name}_arrived`] || "unknown"],
];

const DETAILS = {
  path: compared("path"),
  host: compared("host"),
  origin: compared("origin"),
  compression: ({ offer_arrived: offer, answered }, extensions) => [
    ["offer received by the server", offer ? "permessage-deflate" : "none"],
    ["server’s answer", answered === null ? "unknown" : answered ? "permessage-deflate" : "none"],
    ["result in this browser", extensions || "none"],
  ],
};
