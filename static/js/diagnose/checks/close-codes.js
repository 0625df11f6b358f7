import { withClient } from "../../common/client.js";
import { formatClose } from "../../common/format.js";

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
  return {
    ...(wrong.length ? changed(wrong) : unchanged(closes)),
    details: closes.map(({ sent, arrived }) => [`sent ${sent}`, `arrived ${arrived}`]),
    data,
  };
}

function unchanged({ length }) {
  return {
    verdict: "good",
    figure: `${length} of ${length}`,
    meaning: "Close codes and reasons arrive as the server sends them.",
  };
}

function changed(wrong) {
  const [{ sent, arrived, code, expected }] = wrong;
  const isCut = code === 1006;
  const cause = isCut
    ? "something on the path cuts the connection instead of forwarding the Close frame."
    : "something on the path closes the connection itself, with its own code.";
  return {
    verdict: "bad",
    figure: isCut ? "cut off" : `${code} for ${expected}`,
    meaning: `The server closed with ${sent}, but ${arrived} arrived `
      + `(${wrong.length} of ${CLOSES.length} are wrong): ${cause}`,
    advice: "Clients cannot tell a planned close from a failure here. Let them reconnect after any "
      + "code, and send important information in a message before the close.",
  };
}
