/** What the text box holds, for each format, as the data of a message. */
const FORMATS = { text: (text) => text, json: checkedJson, binary: bytesOf };

/**
 * @param {"text" | "json" | "binary"} format
 * @param {string} text as it was typed
 * @returns {string | ArrayBuffer}
 * @throws {SyntaxError} with a sentence for the user
 */
export function encode(format, text) {
  return FORMATS[format](text);
}

/** @returns {string} such as "00 ff 7b" */
export function hexOf(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

// Sent as it was typed: spaces and the digits of numbers are part of what is tried out.
function checkedJson(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`This is not JSON: ${error.message}`);
  }
  return text;
}

function bytesOf(text) {
  const digits = text.replace(/0x|[\s,:]/gi, "");
  if (/[^0-9a-f]/i.test(digits)) {
    throw new SyntaxError("Bytes are pairs of 0–9 and a–f: 00 ff 7b");
  }
  if (digits.length % 2) {
    throw new SyntaxError("Two hexadecimal digits make a byte: one is missing.");
  }
  const bytes = new Uint8Array(digits.length / 2);
  return bytes.map((_, index) => parseInt(digits.slice(2 * index, 2 * index + 2), 16)).buffer;
}
