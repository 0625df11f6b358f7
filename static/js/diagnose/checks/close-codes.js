import { withClient } from "../../common/client.js";
import { formatClose, formatCount } from "../../common/format.js";

// The usual end, a server's trouble, and a code of an application with a reason in Unicode.
const CLOSES = [
  { code: 1000, reason: "done" },
  { code: 1011, reason: "unexpected" },
  { code: 4001, reason: "naïve, 漢字" },
];

export const closeCodes = {
  id: "close-codes",
  title: "Close codes",
  about: "Lets the server close with three codes and reasons, and looks whether they arrive.",
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
  const { closes } = data;
  const wrong = closes.filter(({ sent, arrived }) => formatClose(sent) !== formatClose(arrived));
  return {
    ...(wrong.length ? changed(wrong) : unchanged(closes)),
    details: closes.map(({ sent, arrived }) => [`sent ${formatClose(sent)}`, `arrived ${formatClose(arrived)}`]),
    data,
  };
}

function unchanged(closes) {
  return {
    verdict: "good",
    figure: `${closes.length} of ${closes.length}`,
    meaning: "The codes and reasons that the server closes with arrive here as they were sent.",
  };
}

function changed(wrong) {
  const [{ sent, arrived }] = wrong;
  const cut = arrived.code === 1006;
  return {
    verdict: "bad",
    figure: cut ? "cut off" : `${arrived.code} for ${sent.code}`,
    meaning: `The server closed with ${formatClose(sent)}, but ${formatClose(arrived)} arrived`
      + ` (${formatCount(wrong.length, "close")} of ${CLOSES.length} wrong): `
      + (cut
        ? "something in between cuts the connection rather than pass the close frame on."
        : "something in between ends the connection by itself and says so in its own words."),
    advice: "Clients cannot tell a planned end from a fault here: let them reconnect whatever the "
      + "code, and say what matters in a message before the close.",
  };
}
