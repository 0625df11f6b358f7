import { compression, host, origin, path } from "./arrival.js";
import { buffering } from "./buffering.js";
import { closeCodes } from "./close-codes.js";
import { connection } from "./connection.js";
import { handshakeTime } from "./handshake-time.js";
import { integrity } from "./integrity.js";
import { loadBalancing } from "./load-balancing.js";
import { messageSize } from "./message-size.js";
import { roundTrip } from "./round-trip.js";
import { throughput } from "./throughput.js";

/** All checks in the order in which they run. If the first cannot connect, the rest is skipped. */
export const CHECKS = [
  connection, path, host, origin, compression, handshakeTime, roundTrip, integrity, messageSize,
  throughput, buffering, closeCodes, loadBalancing,
];
