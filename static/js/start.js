/**
 * Load the assets of the page, or add the slash to its address first. At a prefix without its
 * slash, such as /ws-test, every relative reference misses the prefix. This script is loaded by a
 * query, which keeps the whole path. The references wait in a template, where no browser follows
 * them too early. document.write makes them what they would be in the page: they hold up its first
 * paint, and module scripts wait for its end.
 *
 * A server that removes the slash again would make a loop. So the path that was left is remembered,
 * and left only once. The address of a file, such as /ws-test/default.html, needs no slash.
 */
{
  const KEY = "left-for-slash";
  const { origin, protocol, pathname, search, hash } = window.location;
  const needsSlash = protocol.startsWith("http") && !/\/$|\.html?$/.test(pathname);

  const mayLeave = () => {
    try {
      const hasLeft = window.sessionStorage.getItem(KEY) === pathname;
      window.sessionStorage.removeItem(KEY);
      if (needsSlash && !hasLeft) window.sessionStorage.setItem(KEY, pathname);
      return !hasLeft;
    } catch {
      return false; // no storage: nothing would end a loop
    }
  };

  if (mayLeave() && needsSlash) {
    window.location.replace(`${origin}${pathname}/${search}${hash}`);
  } else {
    document.write(document.querySelector("#assets").innerHTML);
  }
}
