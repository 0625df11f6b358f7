import { webSocketAddress } from "../common/address.js";
import { inspect } from "../common/inspect.js";
import { subprotocolError } from "../common/subprotocols.js";
import { formatDuration } from "../common/format.js";
import { AcceptView } from "./accept-view.js";
import { inferChanges } from "./inferred-changes.js";
import { showReport } from "./report-view.js";
import { explainReportFailure } from "./report-failure.js";

/**
 * Open /inspect from a panel, and show both halves of the handshake, explained.
 *
 * @returns {function(): void} to be called when the panel comes into view
 */
export function startHandshake(panel) {
  const part = (name) => panel.querySelector(`#handshake-${name}`);
  const accept = new AcceptView(part);
  const run = () => open(part, accept);
  part("protocol").addEventListener("input", ({ target }) =>
    target.setCustomValidity(subprotocolError(target.value.trim())));
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  part("address").textContent = webSocketAddress("inspect", window.location);
  let opened = false;
  return () => {
    if (!opened) run();
    opened = true;
  };
}

async function open(part, accept) {
  const button = part("run");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // disabled itself, it would lose the focus
  part("state").textContent = "Opening";
  const protocol = part("protocol").value.trim();
  try {
    show(part, accept, await ask(protocol));
  } catch (error) {
    await showFailure(part, error, protocol);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

async function ask(protocol) {
  const protocols = protocol ? [protocol] : [];
  const query = protocol ? `?subprotocol=${encodeURIComponent(protocol)}` : "";
  const answer = await inspect({ protocols, query });
  const browser = {
    href: window.location.href,
    userAgent: navigator.userAgent,
    language: navigator.language,
    protocols,
    extensions: answer.extensions,
  };
  return { ...answer, notes: inferChanges(answer.report, browser) };
}

function show(part, accept, { report, notes, seconds, protocol }) {
  showReport(part, report, notes, protocol);
  accept.show(report);
  part("trouble").hidden = true;
  part("result").hidden = false;
  part("state").textContent = `Agreed in ${formatDuration(seconds * 1000)}`;
}

async function showFailure(part, error, protocol) {
  part("result").hidden = true;
  part("state").textContent = "No connection";
  const { meaning, advice } = await explainReportFailure(error, protocol);
  part("meaning").textContent = meaning;
  part("advice").textContent = advice;
  part("trouble").hidden = false;
}
