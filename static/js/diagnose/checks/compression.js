import { inspect, requestHeader, responseHeader } from "../../common/inspect.js";

export const compression = {
  id: "compression",
  title: "Compression",
  needs: ["inspect"],
  about: "Compares the compression offer that the server received, its response, and the result "
    + "in this browser.",
  seconds: 1,
  limit: 30,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal }) {
  const { report, extensions } = await inspect({ signal });
  return {
    offered: requestHeader(report, "Sec-WebSocket-Extensions") ?? "",
    accepted: responseHeader(report, "Sec-WebSocket-Extensions") ?? "",
    result: extensions,
    enabled: report.limits.compression,
  };
}

/**
 * @param {object} data
 * @param {string} data.offered the extensions offered, as the server received them
 * @param {string} data.accepted the extensions in the server's 101 response
 * @param {string} data.result the extensions as this browser sees them
 * @param {boolean} data.enabled whether compression is on in the server's settings
 */
export function judge(data) {
  return {
    ...conclusion(data),
    details: [
      ["offer received by the server", data.offered || "none"],
      ["server’s response", data.accepted || "none"],
      ["result in this browser", data.result || "none"],
    ],
    data,
  };
}

function conclusion({ offered, accepted, result, enabled }) {
  const [server, browser] = [compresses(accepted), compresses(result)];
  if (server && browser) {
    return {
      verdict: "good",
      figure: "on",
      meaning: "Compression (permessage-deflate) is on.",
    };
  }
  if (server !== browser) return disagreement(server);
  if (!compresses(offered)) return stripped(offered);
  return enabled ? declined() : turnedOff();
}

function compresses(extensions) {
  return extensions.includes("permessage-deflate");
}

function disagreement(server) {
  const [on, off] = server ? ["The server", "this browser"] : ["This browser", "the server"];
  return {
    verdict: "bad",
    figure: "ends disagree",
    meaning: `${on} thinks compression is on and ${off} does not: something on the path changed `
      + "the response. The first compressed message may break the connection.",
    advice: "Configure the proxy to forward Sec-WebSocket-Extensions unchanged both ways, or turn "
      + "compression off with FLASK_ECHO_COMPRESSION=false.",
  };
}

function stripped(offered) {
  const change = offered ? `changed it to “${offered}”` : "removed it";
  return {
    verdict: "notable",
    figure: "stripped",
    meaning: `Browsers offer permessage-deflate, but something on the path ${change}. Messages are `
      + "not compressed; nothing breaks.",
    advice: "To save bandwidth, configure the proxy to forward Sec-WebSocket-Extensions.",
  };
}

function turnedOff() {
  return {
    verdict: "good",
    figure: "off",
    meaning: "The offer reached the server, which has compression turned off "
      + "(FLASK_ECHO_COMPRESSION=false).",
  };
}

function declined() {
  return {
    verdict: "notable",
    figure: "declined",
    meaning: "The offer reached the server, but the server could not accept it. Something on the "
      + "path may have changed its parameters.",
    advice: "Compare the offer received by the server with the browser’s developer tools.",
  };
}
