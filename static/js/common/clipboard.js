/**
 * Copy a text, also in a page loaded over plain HTTP, which has no Clipboard API. Call it from
 * within a click or a key press, or browsers refuse.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text); // no such API, or no permission
  }
}

/**
 * Copy a text as `copyText` does, and say whether it was copied.
 *
 * @param {string} text
 * @param {HTMLElement} told a status for screen readers
 */
export async function copyAndTell(text, told) {
  told.textContent = await copyText(text) ? "Copied." : "Copy was blocked by the browser.";
}

// execCommand is deprecated, but there is no other way without the API.
function copySelection(text) {
  const focused = document.activeElement;
  const box = textBox(text);
  document.body.append(box);
  box.select();
  const copied = document.execCommand("copy");
  box.remove();
  focused?.focus({ preventScroll: true });
  return copied;
}

function textBox(text) {
  const box = document.createElement("textarea");
  box.value = text;
  box.readOnly = true; // so that a phone does not open its keyboard
  box.setAttribute("aria-hidden", "true");
  Object.assign(box.style, { position: "fixed", inset: "0 auto auto 0", opacity: "0" });
  return box;
}
