import { Unanswered } from "./client.js";

/**
 * Why a WebSocket did not open. A browser says nothing but 1006, so this asks the same server
 * over plain HTTP, and concludes from what does work.
 */

const SECONDS = 5; // for each question; both are asked at once

/**
 * @param {import("./client.js").NotConnected | Unanswered} failure
 * @param {AbortSignal} [signal] ends the search
 * @returns {Promise<{meaning: string, advice: string}>} `advice` may have several lines
 */
export async function explainFailure(failure, signal) {
  const questions = ["healthz", failure.path].map((path) => ask(path, signal));
  const [health, address] = await Promise.all(questions);
  const { origin } = window.location;
  const plain = failure instanceof Unanswered;
  return judgeFailure({ plain, silent: failure.silent, origin, health, address });
}

/**
 * @param {object} evidence
 * @param {boolean} evidence.plain whether it was plain HTTP that failed, and no upgrade
 * @param {boolean} evidence.silent whether the upgrade had no answer at all
 * @param {string} evidence.origin of this page
 * @param {object} evidence.health what /healthz said over HTTP: `status` (null if there was no
 *     answer) and `json`
 * @param {object} evidence.address the same, for the address of the WebSocket
 */
export function judgeFailure({ plain, silent, origin, health, address }) {
  if (health.status === null) {
    return {
      meaning: "Plain HTTP gets no answer from the server either, so this is not about WebSockets: "
        + "the server is down, or the network to it is.",
      advice: "See that the server runs and that this page still reloads; then try again.",
    };
  }
  if (plain) return comesAndGoes();
  return ourTrouble(health.json) ?? gatewayTrouble(address)
    ?? (silent ? heldBack() : originTrouble(address.json, origin) ?? dropped(address.json));
}

function comesAndGoes() {
  return {
    meaning: "A plain HTTP request got no answer, but the next one did, so this is not about "
      + "WebSockets: the server, or the network to it, comes and goes.",
    advice: "Run this check again. If it stays so, try another network.",
  };
}

function ourTrouble(health) {
  if (health?.draining) {
    return {
      meaning: "The server is shutting down and takes no new connections.",
      advice: "Try again when it has started anew.",
    };
  }
  if (health && health.seats_taken >= health.capacity) {
    const taken = `${health.seats_taken} of ${health.capacity}`;
    return {
      meaning: `The server is full: ${taken} connections are taken.`,
      advice: "Try again later, or raise FLASK_ECHO_MAX_CONNECTIONS.",
    };
  }
  return null;
}

function gatewayTrouble({ status }) {
  if (status === null) {
    return {
      meaning: "The server answers, but not at the address of the WebSocket, not even over HTTP.",
      advice: "Look for a rule for this address in the proxy or firewall in front of the server.",
    };
  }
  if (status === 426) return null;
  return {
    meaning: `Over HTTP, the address of the WebSocket answers ${status}, and this service would `
      + "answer 426: something else answers there, so a proxy sends this address elsewhere"
      + `${status >= 500 ? " or cannot reach the server" : ""}.`,
    advice: "Check that the proxy passes every path to the same server, /echo and /inspect too.",
  };
}

function heldBack() {
  return {
    meaning: "Plain HTTP works at the very same address, but the upgrade to a WebSocket gets "
      + "no answer at all: something in between took the request and holds it back.",
    advice: "Suspect a proxy that waits for a whole response before it passes anything on, or "
      + "security software that inspects traffic. Try another network, and https in place of "
      + "http.",
  };
}

// A browser sends no Origin with a plain request of its own page, so the server minds it only
// in an upgrade. What it would take is in each of its refusals.
function originTrouble(refusal, origin) {
  const allowed = refusal?.origins;
  if (!Array.isArray(allowed) || allowed.includes(origin)) return null;
  return {
    meaning: `The server refuses WebSockets from pages of ${origin}: it takes those of `
      + `${allowed.join(", ")} only.`,
    advice: `If this page should work, add ${origin} to FLASK_ECHO_ALLOWED_ORIGINS.`,
  };
}

/** What each proxy needs is known by the server, and told in its 426. */
function dropped(refusal) {
  const cures = Object.entries(refusal?.cure ?? {}).map((pair) => pair.join(": "));
  return {
    meaning: "Plain HTTP works at the very same address, but the upgrade to a WebSocket is "
      + "refused: most probably a proxy in between drops the headers Upgrade and Connection.",
    advice: ["The proxy must pass both on.", ...cures].join("\n"),
  };
}

async function ask(path, signal) {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const timer = setTimeout(stop, SECONDS * 1000);
  signal?.addEventListener("abort", stop);
  try {
    const answer = await fetch(path, {
      cache: "no-store",
      headers: { Accept: "application/problem+json, application/json" },
      signal: controller.signal,
    });
    return { status: answer.status, json: await answer.json().catch(() => null) };
  } catch {
    return { status: null, json: null };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
