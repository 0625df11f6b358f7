/** @returns {string} such as "16 MiB", or "65,535 bytes" where a larger unit would round */
export function formatBytes(count) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (Number.isInteger(count / size)) return `${count / size} ${unit}`;
  }
  return count === 1 ? "1 byte" : `${count.toLocaleString("en")} bytes`;
}

/**
 * @param {number} milliseconds zero is possible: some browsers' clocks have a step of 1 ms
 * @returns {string} such as "0.4 ms", "41 ms" or "1.2 s"
 */
export function formatDuration(milliseconds) {
  if (milliseconds === 0) return "under 1 ms";
  if (milliseconds >= 999.5) return formatSeconds(milliseconds);
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** @returns {string} such as "0.7 s" */
export function formatSeconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @returns {string} such as "12.3 MB/s" */
export function formatRate(bytesPerSecond) {
  const megabytes = bytesPerSecond / 1e6;
  if (megabytes >= 0.1) return `${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB/s`;
  return `${(bytesPerSecond / 1e3).toFixed(1)} kB/s`;
}

/** @returns {string} such as "1 process" or "3,000 processes" */
export function formatCount(number, singular, plural = `${singular}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;
}

/** @returns {string} such as "1009 (message too big)", or "1009" without a reason */
export function formatClose({ code, reason }) {
  return reason ? `${code} (${reason})` : String(code);
}

/**
 * @param {number} time in milliseconds, from `Date.now()`
 * @returns {string} local time, such as "13:30:00.123"
 */
export function formatTime(time) {
  const date = new Date(time);
  const pad = (value, length = 2) => String(value).padStart(length, "0");
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part));
  return `${parts.join(":")}.${pad(date.getMilliseconds(), 3)}`;
}
