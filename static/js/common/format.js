/** @returns {string} such as "16 MiB", or "65,535 bytes" where a unit would round */
export function bytes(count) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (Number.isInteger(count / size)) return `${count / size} ${unit}`;
  }
  return count === 1 ? "1 byte" : `${count.toLocaleString("en")} bytes`;
}

/** @returns {string} such as "0.4 ms", "41 ms" or "1.2 s"; some browsers' clocks go by the ms */
export function duration(milliseconds) {
  if (milliseconds === 0) return "under 1 ms";
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** @returns {string} such as "12.3 MB/s" */
export function rate(bytesPerSecond) {
  const megabytes = bytesPerSecond / 1e6;
  if (megabytes >= 0.1) return `${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB/s`;
  return `${(bytesPerSecond / 1e3).toFixed(1)} kB/s`;
}

/** @returns {string} such as "1 process" or "3 processes" */
export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** @returns {string} a close code with its reason, as in "1009 (message too big)" */
export function closing({ code, reason }) {
  return reason ? `${code} (${reason})` : String(code);
}
