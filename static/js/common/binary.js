const MAX_RANDOM_BYTES = 65536; // limit of crypto.getRandomValues for one call

/** @returns {Uint8Array} random bytes, which do not compress */
export function randomBytes(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += MAX_RANDOM_BYTES) {
    crypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM_BYTES));
  }
  return bytes;
}

/**
 * @returns {number} the first index at which two arrays differ, or -1 if they are equal. If one is
 *     the beginning of the other, that is the length of the shorter one.
 */
export function firstDifference(one, other) {
  const shorter = Math.min(one.length, other.length);
  for (let at = 0; at < shorter; at += 1) if (one[at] !== other[at]) return at;
  return one.length === other.length ? -1 : shorter;
}

/**
 * @param {ArrayBuffer | number[]} bytes
 * @returns {string} such as "00 ff 7b"
 */
export function hexOf(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
