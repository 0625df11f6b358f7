const MOST_AT_ONCE = 65536; // bytes; crypto.getRandomValues gives no more

/** @returns {Uint8Array} bytes that no compression makes smaller */
export function randomBytes(size) {
  const made = new Uint8Array(size);
  for (let at = 0; at < size; at += MOST_AT_ONCE) {
    crypto.getRandomValues(made.subarray(at, at + MOST_AT_ONCE));
  }
  return made;
}

/** @returns {number} where two arrays first differ, or -1; the end of the shorter one counts */
export function firstDifference(one, other) {
  const shorter = Math.min(one.length, other.length);
  for (let at = 0; at < shorter; at += 1) if (one[at] !== other[at]) return at;
  return one.length === other.length ? -1 : shorter;
}
