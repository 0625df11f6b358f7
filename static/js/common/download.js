const KEEP_MS = 60_000; // the browser may first ask the user where to save the file

/**
 * Save a text as a file.
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
