import { Ended, NotConnected } from "../common/client.js";
import { explainFailure } from "../common/connection-failure.js";
import { inspect } from "../common/inspect.js";

/**
 * Why there is no report, in words.
 *
 * @param {Error} error that came of asking for it
 * @param {string} protocol the subprotocol that was offered, or ""
 * @returns {Promise<{meaning: string, advice: string}>}
 */
export async function explainReportFailure(error, protocol) {
  if (error instanceof NotConnected) {
    return protocol && await opensWithoutProtocol() ? lostProtocol(protocol) : explainFailure(error);
  }
  const meaning = error instanceof Ended
    ? `The connection opened, but ended with code ${error.code} before the report came.`
    : `The report did not come: ${error.message}.`;
  return { meaning, advice: "Run the checks of Diagnose: one of them may tell more." };
}

// To a script, a 101 that agrees to none of its offers looks like no connection at all.
function lostProtocol(protocol) {
  return {
    meaning: `Without a subprotocol it opens. So ${protocol} was lost on its way to the server, or `
      + "the answer on its way back.",
    advice: "Make the proxy pass Sec-WebSocket-Protocol on, both ways.",
  };
}

async function opensWithoutProtocol() {
  try {
    await inspect();
    return true;
  } catch {
    return false;
  }
}
