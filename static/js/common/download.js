const KEEP_MS = 60_000; // a browser may ask the user first where the file should go

/**
 * Offer a text to be saved as a file.
 *
 * @param {string} filename
 * @param {string} text
 * @param {string} type such as `application/json`
 */
export function download(filename, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}
