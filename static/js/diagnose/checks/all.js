import { buffering } from "./buffering.js";
import { closing } from "./closing.js";
import { compression } from "./compression.js";
import { integrity } from "./integrity.js";
import { opening } from "./opening.js";
import { roundTrip } from "./round-trip.js";
import { sizes } from "./sizes.js";
import { spread } from "./spread.js";
import { throughput } from "./throughput.js";

/** In the order in which they run. The first must find a connection, or none is tried. */
export const CHECKS = [
  opening, roundTrip, integrity, sizes, throughput, compression, buffering, closing, spread,
];
