"""The panel Talk, for tests of the page: its log, its entries, its options, and fake sockets."""

from urllib.parse import urlsplit

from tests.support.browser import Page
from tests.support.keys import ENTER

SUPPORTED = "### websockets supported"
OPEN = "### connection open"
HELLO = "<<< hello from server"
GREETING = (SUPPORTED, OPEN, HELLO)

DURATION = r"(\d+(\.\d)? m?s|under 1 ms)"  # as formatDuration in format.js writes it

# Sockets under the control of the test. Their events come in the order of a real socket.
# They keep bytes as a list, since WebDriver cannot return an ArrayBuffer.
# The server knows nothing of them, so a request for a trace gets no answer.
FAKE_SOCKETS = """
window.sockets = [];
window.realFetch = window.fetch;
window.fetch = (path, options) =>
  String(path).startsWith("traces/") ? new Promise(() => {}) : realFetch(path, options);
window.WebSocket = class extends EventTarget {
  static CLOSED = 3;
  readyState = 0;
  sent = [];
  constructor(address, protocols) {
    super();
    const [shown, trace] = address.split(/[?&]trace=/);
    Object.assign(this, { address: shown, trace, protocols });
    window.sockets.push(this);
  }
  send(data) { this.sent.push(typeof data === "string" ? data : [...new Uint8Array(data)]); }
  close(code) { this.readyState = 2; this.closedWith = code; }
  accept() { this.readyState = 1; this.dispatchEvent(new Event("open")); }
  receive(data) { this.dispatchEvent(new MessageEvent("message", { data })); }
  end(code, reason) {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }
};
"""


def say(page: Page, text: str) -> None:
    """Send a text, which may have characters that no key can type."""
    page.run(
        "const box = document.getElementById('message');"
        "box.dispatchEvent(new InputEvent('beforeinput'));"  # as for each change by a user
        "box.value = arguments[0];",
        text,
    )
    if text == "":  # Enter in an empty box does nothing.
        return page.click("send")
    page.click("message")
    page.press(ENTER)
    return None


def receive(page: Page, *messages: str) -> None:
    """Let the newest fake socket receive messages."""
    page.run("for (const data of arguments[0]) sockets.at(-1).receive(data)", messages)


# The list draws only what is in view, in the next frame.
SHOW_DETAILS = """
const [done] = arguments;
const button = document.querySelector("#view-details");
if (button.getAttribute("aria-pressed") === "true") return done();
button.click();
requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
"""


def show_details(page: Page) -> None:
    """Show the log as a list of entries."""
    page.run_async(SHOW_DETAILS)


def rows(page: Page) -> list[list[str]]:
    """Mark, content, size and round trip of each entry in the list, but not "connecting to"."""
    show_details(page)
    cells = page.run(
        "return [...document.querySelectorAll('#entries > div')].map((row) => ["
        "  row.querySelector('.mark').dataset.mark,"
        "  ...['content', 'size', 'trip'].map((c) => row.querySelector('.' + c).textContent)])"
    )
    return [row for row in cells if not row[1].startswith("connecting to ")]


def contents(page: Page) -> list[str]:
    return [content for _, content, _, _ in rows(page)]


def round_trips(page: Page) -> list[str]:
    return [trip for *_, trip in rows(page) if trip]


def wait_for_contents(page: Page, *expected: str) -> None:
    page.wait_until(lambda: contents(page) == list(expected), f"the contents {expected}")


def choose(page: Page, **values: object) -> None:
    """Fill in fields of the options as a user does, by their names."""
    page.run(
        "document.querySelector('#options').open = true;"
        "const { elements } = document.querySelector('#options-form');"
        "for (const [name, value] of Object.entries(arguments[0])) {"
        "  const field = elements[name];"
        "  if (typeof value === 'boolean') field.checked = value; else field.value = value;"
        "  field.dispatchEvent(new InputEvent('input', { bubbles: true }));"
        "}",
        values,
    )


def address(page: Page) -> str:
    """The text of the address field."""
    return str(page.element("address").get_property("value"))


def next_path(page: Page) -> str:
    """Path and query of the address that the options lead to."""
    parts = urlsplit(address(page))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def simulate(page: Page, **values: object) -> None:
    """Choose faults, and connect to a server that simulates them."""
    choose(page, **{"route": "echo"} | values)
    before = len(page.lines)
    page.click("apply")
    page.wait_until(lambda: OPEN in page.lines[before:], "a new connection")
