import { inspect, requestHeader, responseHeader } from "../../common/inspect.js";

export const compression = {
  id: "compression",
  title: "Compression",
  about: "Compares the compression that this browser offers, what reached the server, what it "
    + "answered, and what came back.",
  seconds: 1,
  limit: 30,
  run: async (context) => judge(await measure(context)),
};

async function measure({ signal }) {
  const { report, extensions } = await inspect({ signal });
  return {
    offered: requestHeader(report, "Sec-WebSocket-Extensions") ?? "",
    answered: responseHeader(report, "Sec-WebSocket-Extensions") ?? "",
    agreed: extensions,
    enabled: report.limits.compression,
  };
}

/**
 * @param {object} data
 * @param {string} data.offered what reached the server
 * @param {string} data.answered what the server wrote in its 101
 * @param {string} data.agreed what this browser got of that
 * @param {boolean} data.enabled whether the server is set to compress
 */
export function judge(data) {
  return {
    ...conclusion(data),
    details: [
      ["offer that arrived", data.offered || "none"],
      ["server’s answer", data.answered || "none"],
      ["in this browser", data.agreed || "none"],
    ],
    data,
  };
}

function conclusion({ offered, answered, agreed, enabled }) {
  const [server, browser] = [compresses(answered), compresses(agreed)];
  if (server && browser) {
    return {
      verdict: "good",
      figure: "agreed",
      meaning: "Both ends agreed on permessage-deflate, and nothing in between took it away.",
    };
  }
  if (server !== browser) return disagreement(server);
  if (!compresses(offered)) return stripped(offered);
  return declined(enabled);
}

function compresses(extensions) {
  return extensions.includes("permessage-deflate");
}

function disagreement(server) {
  const [knows, not] = server ? ["The server", "this browser"] : ["This browser", "the server"];
  return {
    verdict: "bad",
    figure: "ends disagree",
    meaning: `${knows} believes in compression and ${not} does not: something in between changed `
      + "the answer, and the first compressed message may break the connection.",
    advice: "Make the proxy pass Sec-WebSocket-Extensions on unchanged both ways, or turn "
      + "compression off with FLASK_ECHO_COMPRESSION=false.",
  };
}

function stripped(offered) {
  const became = offered ? `became “${offered}”` : "was stripped";
  return {
    verdict: "notable",
    figure: "stripped",
    meaning: `Browsers offer permessage-deflate, but the offer ${became} on the way: something in `
      + "between does not want compression. Messages go uncompressed, and nothing breaks.",
    advice: "If the bytes matter, make the proxy pass on Sec-WebSocket-Extensions.",
  };
}

function declined(enabled) {
  if (!enabled) {
    return {
      verdict: "good",
      figure: "off",
      meaning: "The offer arrived, and the server is set not to compress "
        + "(FLASK_ECHO_COMPRESSION=false).",
    };
  }
  return {
    verdict: "notable",
    figure: "declined",
    meaning: "The offer arrived, but the server could not take it: its parameters may have been "
      + "changed on the way.",
    advice: "Compare the offer that arrived with what the browser’s developer tools show.",
  };
}
