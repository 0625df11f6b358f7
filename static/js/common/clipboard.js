/**
 * Put a text on the clipboard, also where the page came by plain http and has no Clipboard API.
 * Browsers want to be asked from within a click or a key press.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there now
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelecting(text); // there is no such API here, or it may not be used
  }
}

// Deprecated everywhere and replaced nowhere: what a page without the API has.
function copyBySelecting(text) {
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
  box.readOnly = true; // so that no keyboard comes up on a phone
  box.setAttribute("aria-hidden", "true");
  Object.assign(box.style, { position: "fixed", inset: "0 auto auto 0", opacity: "0" });
  return box;
}
