import { sha1 } from "../../vendor/noble-hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "../../vendor/noble-hashes/utils.js";

/** The same for every connection: it proves that the server knows WebSockets (RFC 6455, 1.3). */
export const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * Compute Sec-WebSocket-Accept from a key (RFC 6455, section 4.2.2, item 5.4).
 *
 * @param {string} key the value of the header, still in base64
 * @returns {{joined: string, digest: string, accept: string}} `digest` in hex
 */
export function acceptSteps(key) {
  const joined = key + GUID;
  const digest = sha1(utf8ToBytes(joined));
  return { joined, digest: bytesToHex(digest), accept: btoa(String.fromCharCode(...digest)) };
}
