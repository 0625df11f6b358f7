import { formatBytes } from "../common/format.js";

/** For each format: turns the content of the text box into the data of a message. */
const ENCODERS = { text: (text) => text, json: checkedJson, binary: parseHex };

/**
 * @param {"text" | "json" | "binary"} format
 * @param {string} text as typed
 * @returns {string | ArrayBuffer}
 * @throws {SyntaxError} with a message for the user
 */
export function encode(format, text) {
  return ENCODERS[format](text);
}

/** @returns {string} data for the log: a JSON string without its quotes, other text unchanged */
export function displayText(data) {
  if (typeof data !== "string") return binarySummary(data);
  try {
    const value = JSON.parse(data);
    return typeof value === "string" ? value : data;
  } catch {
    return data;
  }
}

/** @returns {string} such as "(3 bytes of binary data)", for an ArrayBuffer or a Blob */
export function binarySummary(data) {
  return `(${formatBytes(data.byteLength ?? data.size)} of binary data)`;
}

// Return the text itself: the user may be testing its spaces or the digits of its numbers.
function checkedJson(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`This is not valid JSON: ${error.message}`);
  }
  return text;
}

function parseHex(text) {
  const digits = text.replace(/0x|[\s,:]/gi, "");
  if (/[^0-9a-f]/i.test(digits)) {
    throw new SyntaxError("Enter each byte as two hex digits, such as 00 ff 7b.");
  }
  if (digits.length % 2) {
    throw new SyntaxError("The last byte has only one hex digit; each byte needs two.");
  }
  const bytes = new Uint8Array(digits.length / 2);
  return bytes.map((_, index) => parseInt(digits.slice(2 * index, 2 * index + 2), 16)).buffer;
}
