/**
 * Go from a prefix without its slash, such as /ws-test, to the one with it. Without the slash every
 * relative reference of the page misses the prefix. The page loads this script by a query, which
 * keeps the whole path.
 *
 * A server that removes the slash again would make a loop. So the path that was left is remembered,
 * and left only once. An address of a file, such as /ws-test/default.html, needs no slash.
 */
{
  const KEY = "left-for-slash";
  const { origin, protocol, pathname, search, hash } = window.location;
  const isComplete = /\/$|\.html?$/.test(pathname) || !protocol.startsWith("http");
  try {
    const hasLeft = window.sessionStorage.getItem(KEY) === pathname;
    window.sessionStorage.removeItem(KEY);
    if (!isComplete && !hasLeft) {
      window.sessionStorage.setItem(KEY, pathname);
      window.stop(); // What has been asked for so far is at the wrong address.
      window.location.replace(`${origin}${pathname}/${search}${hash}`);
    }
  } catch {
    // No storage: nothing would end a loop, so the page stays, and says what is missing.
  }
}
