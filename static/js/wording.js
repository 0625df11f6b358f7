/** @returns {string} the JSON string that `data` holds, or else `data` as it came */
export function textOf(data) {
  if (typeof data !== "string") return `(${data.size} bytes of binary data)`;
  try {
    const value = JSON.parse(data);
    return typeof value === "string" ? value : data;
  } catch {
    return data;
  }
}

/** @returns {string} such as "connection closed (1001 going away)" */
export function closeText(code, reason) {
  return `connection closed (${reason ? `${code} ${reason}` : code})`;
}
