import { Ended, NotConnected } from "../common/client.js";
import { explainFailure } from "../common/connection-failure.js";
import { inspect } from "../common/inspect.js";

/**
 * Explain why there is no report of /inspect.
 *
 * @param {Error} error from the attempt to get it
 * @param {string} protocol the offered subprotocol, or ""
 * @returns {Promise<import("../common/connection-failure.js").Explanation>}
 */
export async function explainReportFailure(error, protocol) {
  if (error instanceof NotConnected) {
    const isProtocolLost = protocol && await connectsWithoutProtocol();
    return isProtocolLost ? lostProtocol(protocol) : explainFailure(error);
  }
  const meaning = error instanceof Ended
    ? `The connection opened, but it closed with code ${error.code} before the report arrived.`
    : `The report did not arrive: ${error.message}.`;
  return { meaning, advice: "Run Diagnose to find out more." };
}

// A browser rejects a 101 response that accepts none of the offered subprotocols. A script cannot
// tell this from a refused upgrade.
function lostProtocol(protocol) {
  return {
    meaning: `The connection opens without a subprotocol. So the path dropped ${protocol} from the `
      + "request, or from the response.",
    advice: "Configure the proxy to forward Sec-WebSocket-Protocol both ways.",
  };
}

async function connectsWithoutProtocol() {
  try {
    await inspect();
    return true;
  } catch {
    return false;
  }
}
