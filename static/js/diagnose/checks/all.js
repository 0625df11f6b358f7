import { buffering } from "./buffering.js";
import { closeCodes } from "./close-codes.js";
import { compression } from "./compression.js";
import { handshakeTime } from "./handshake-time.js";
import { integrity } from "./integrity.js";
import { loadBalancing } from "./load-balancing.js";
import { messageSize } from "./message-size.js";
import { roundTrip } from "./round-trip.js";
import { throughput } from "./throughput.js";

/** All checks in the order in which they run. If the first cannot connect, the rest is skipped. */
export const CHECKS = [
  handshakeTime, roundTrip, integrity, messageSize, throughput, compression, buffering,
  closeCodes, loadBalancing,
];
