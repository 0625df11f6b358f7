import { webSocketAddress } from "../common/address.js";
import { copyAndTell } from "../common/clipboard.js";
import { cureElements } from "../common/cures.js";
import { isOffered } from "../common/features.js";
import { formatDuration } from "../common/format.js";
import { inspect, parseHead, withoutTrace } from "../common/inspect.js";
import { writeLink } from "../common/link.js";
import { notAllowed, unknownOptions } from "../common/link-problems.js";
import { subprotocolError } from "../common/subprotocols.js";
import { AcceptView } from "./accept-view.js";
import { inferChanges, inferRequestChanges } from "./inferred-changes.js";
import { judgeChanges } from "./judged-changes.js";
import { lineList, rawText } from "./line-list.js";
import { explainReportFailure } from "./report-failure.js";
import { showReport } from "./report-view.js";

// What can be copied. `arrived` is a request that failed.
const HALVES = ["request", "response", "arrived"];

/**
 * Start the panel Handshake: connect to /inspect, and show and explain the request and the
 * response.
 *
 * @returns {function(URLSearchParams): void} takes the query of the panel's link
 */
export function startHandshake(panel) {
  const handshake = new Handshake((name) => panel.querySelector(`#handshake-${name}`));
  return (query) => handshake.follow(query);
}

class Handshake {
  #part;
  #accept;
  #isConnecting = false;
  #connectAgain = false; // a link has changed the subprotocol meanwhile
  #offered = null; // the subprotocol of the last handshake, or ""
  #heads = {}; // to be copied, by half of the handshake

  constructor(part) {
    this.#part = part;
    this.#accept = new AcceptView(part);
    part("address").textContent = webSocketAddress("inspect", window.location);
    for (const kind of ["input", "change"]) {
      part("protocol").addEventListener(kind, () => this.#edit());
    }
    part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#connect();
    });
    for (const half of HALVES) {
      part(`copy-${half}`).addEventListener("click", () =>
        copyAndTell(rawText(this.#heads[half]), part(`copied-${half}`)));
    }
  }

  /**
   * Fill in the subprotocol, and connect if it is a new one, or for the first time.
   *
   * @param {URLSearchParams} query of the link; the form stays as it is if it is empty
   */
  follow(query) {
    const problems = unknownOptions(query, ["protocol"]);
    if (query.has("protocol")) problems.push(...this.#fill(query.get("protocol").trim()));
    this.#part("link-error").textContent = problems.join(" ");
    if (!this.#isValid) return;
    this.#writeLink();
    if (this.#protocol === this.#offered) return;
    if (this.#isConnecting) this.#connectAgain = true;
    else this.#connect();
  }

  get #protocol() {
    return this.#part("protocol").value.trim();
  }

  get #isValid() {
    return subprotocolError(this.#protocol) === "";
  }

  // Returns sentences about a value that it ignores.
  #fill(protocol) {
    if (subprotocolError(protocol)) {
      return [notAllowed("protocol", protocol, "letters, digits and !#$%&'*+-.^_`|~")];
    }
    if (protocol && !isOffered("faults")) {
      return ["This server has turned off fault simulation, so it agrees to no subprotocol."];
    }
    this.#part("protocol").value = protocol;
    this.#part("protocol").setCustomValidity("");
    return [];
  }

  #edit() {
    this.#part("protocol").setCustomValidity(subprotocolError(this.#protocol));
    this.#part("link-error").textContent = "";
    if (this.#isValid) this.#writeLink();
  }

  #writeLink() {
    writeLink("handshake", this.#protocol ? { protocol: this.#protocol } : {});
  }

  async #connect() {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    this.#connectAgain = false;
    this.#part("run").setAttribute("aria-disabled", "true"); // `disabled` would lose the focus
    this.#part("state").textContent = "Connecting";
    const protocol = this.#protocol;
    this.#offered = protocol;
    try {
      this.#show(await getReport(protocol));
    } catch (error) {
      await this.#showFailure(error, protocol);
    } finally {
      this.#isConnecting = false;
      this.#part("run").removeAttribute("aria-disabled");
    }
    if (this.#connectAgain) this.#connect();
  }

  #show({ report, changes, seconds, protocol }) {
    const [line] = report.response.head.split("\r\n");
    const response = { line, headers: parseHead(report.response.head) };
    this.#heads = { request: report.request, response };
    showReport(this.#part, report, response, changes, protocol);
    this.#accept.show(report);
    this.#part("failure").hidden = true;
    this.#part("result").hidden = false;
    this.#forgetCopies();
    this.#part("state").textContent = `Connected in ${formatDuration(seconds * 1000)}`;
  }

  async #showFailure(error, protocol) {
    this.#part("result").hidden = true;
    this.#part("state").textContent = "Not connected";
    const explanation = await explainReportFailure(error, protocol);
    const { meaning, advice, cures = {} } = explanation;
    const arrived = explanation.arrived ? withoutTrace(explanation.arrived) : null;
    this.#heads = { arrived };
    this.#part("meaning").textContent = meaning;
    this.#part("advice").textContent = advice;
    this.#part("cures").replaceChildren(...cureElements(cures));
    this.#part("arrived").hidden = !arrived;
    this.#part("arrived-request").replaceChildren(...(arrived ? arrivedLines(arrived) : []));
    this.#forgetCopies();
    this.#part("failure").hidden = false;
  }

  #forgetCopies() {
    for (const half of HALVES) this.#part(`copied-${half}`).textContent = "";
  }
}

async function getReport(protocol) {
  const protocols = protocol ? [protocol] : [];
  const query = protocol ? `?subprotocol=${encodeURIComponent(protocol)}` : "";
  const result = await inspect({ protocols, query });
  const browser = { ...describeBrowser(protocols), extensions: result.extensions };
  const changes = inferChanges(result.report, browser);
  return { ...result, changes: await judgeChanges(changes, result.report, browser) };
}

// The explanation of a failure says what is harmful.
function arrivedLines(request) {
  const changes = inferRequestChanges({ request }, describeBrowser([]));
  return lineList("request", request, changes);
}

function describeBrowser(protocols) {
  const { userAgent, language } = navigator;
  return { href: window.location.href, userAgent, language, protocols };
}
