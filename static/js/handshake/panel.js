import { webSocketAddress } from "../common/address.js";
import { cureElements } from "../common/cures.js";
import { formatDuration } from "../common/format.js";
import { inspect } from "../common/inspect.js";
import { subprotocolError } from "../common/subprotocols.js";
import { AcceptView } from "./accept-view.js";
import { inferChanges } from "./inferred-changes.js";
import { explainReportFailure } from "./report-failure.js";
import { showReport } from "./report-view.js";

/**
 * Start the panel Handshake: connect to /inspect, and show and explain the request and the
 * response.
 *
 * @returns {function(): void} to be called whenever the panel becomes visible
 */
export function startHandshake(panel) {
  const part = (name) => panel.querySelector(`#handshake-${name}`);
  const accept = new AcceptView(part);
  const run = () => connect(part, accept);
  part("protocol").addEventListener("input", ({ target }) =>
    target.setCustomValidity(subprotocolError(target.value.trim())));
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  part("address").textContent = webSocketAddress("inspect", window.location);
  let started = false;
  return () => {
    if (!started) run();
    started = true;
  };
}

async function connect(part, accept) {
  const button = part("run");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // with `disabled` it would lose the focus
  part("state").textContent = "Connecting";
  const protocol = part("protocol").value.trim();
  try {
    show(part, accept, await getReport(protocol));
  } catch (error) {
    await showFailure(part, error, protocol);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

async function getReport(protocol) {
  const protocols = protocol ? [protocol] : [];
  const query = protocol ? `?subprotocol=${encodeURIComponent(protocol)}` : "";
  const result = await inspect({ protocols, query });
  const browser = {
    href: window.location.href,
    userAgent: navigator.userAgent,
    language: navigator.language,
    protocols,
    extensions: result.extensions,
  };
  return { ...result, changes: inferChanges(result.report, browser) };
}

function show(part, accept, { report, changes, seconds, protocol }) {
  showReport(part, report, changes, protocol);
  accept.show(report);
  part("failure").hidden = true;
  part("result").hidden = false;
  part("state").textContent = `Connected in ${formatDuration(seconds * 1000)}`;
}

function requestText({ line, headers }) {
  return [line, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n");
}

async function showFailure(part, error, protocol) {
  part("result").hidden = true;
  part("state").textContent = "Not connected";
  const explanation = await explainReportFailure(error, protocol);
  const { meaning, advice, cures = {}, arrived = null } = explanation;
  part("meaning").textContent = meaning;
  part("advice").textContent = advice;
  part("cures").replaceChildren(...cureElements(cures));
  part("arrived").hidden = !arrived;
  part("arrived-request").textContent = arrived ? requestText(arrived) : "";
  part("failure").hidden = false;
}
