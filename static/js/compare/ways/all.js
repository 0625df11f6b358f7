import { followEventSource } from "./event-source.js";
import { poll, pollConditionally, pollLong } from "./polling.js";
import { followWebSocket } from "./web-socket.js";

/**
 * @typedef {object} Way to follow the events
 * @property {string} id
 * @property {string} title
 * @property {boolean} polls whether it asks at intervals, so that answers may be empty
 * @property {function(import("../run.js").Task): Promise<void>} follow until the run is over
 */

/** @type {Way[]} */
export const WAYS = [
  { id: "polling", title: "Polling", polls: true, follow: poll },
  { id: "conditional", title: "Conditional polling", polls: true, follow: pollConditionally },
  { id: "long", title: "Long polling", polls: false, follow: pollLong },
  { id: "sse", title: "Server-sent events", polls: false, follow: followEventSource },
  { id: "websocket", title: "WebSocket", polls: false, follow: followWebSocket },
];
