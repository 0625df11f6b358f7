"""The panel Talk, for tests of the page: its first lines, its sockets replaced, its modules."""

from typing import Any

from tests.support.browser import Page

ENTER, SPACE, TAB = "\ue007", " ", "\ue004"  # as in WebDriver's table of keys

SUPPORTED = "### websockets supported"
OPEN = "### connection open"
HELLO = "<<< hello from server"
GREETING = (SUPPORTED, OPEN, HELLO)

# Sockets that do what the test says. They keep the order of events of a real one.
FAKE_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends EventTarget {
  static CLOSED = 3;
  readyState = 0;
  sent = [];
  constructor(address) { super(); this.address = address; window.sockets.push(this); }
  send(text) { this.sent.push(text); }
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
    """Send a text that may have characters which no key can type."""
    page.run("document.getElementById('message').value = arguments[0]", text)
    page.click("message")
    page.press(ENTER)


def imported(page: Page, module: str, expression: str, *arguments: object) -> Any:
    """The value of ``expression`` with a module of the page as ``m``."""
    page.open()
    answer = page.run_async(
        f"const [path, ...a] = arguments; const done = a.pop();"
        f"import(path).then((m) => ({expression}))"
        f".then((value) => done({{ value }}), (error) => done({{ error: String(error) }}))",
        f"/static/js/{module}.js",
        *arguments,
    )
    assert "error" not in answer, answer["error"]
    return answer["value"]
