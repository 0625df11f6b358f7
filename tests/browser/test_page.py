"""The page as a whole: its address, the keyboard, the screen, the network."""

import pytest

from tests.support.browser import NAMED_HOST, Page
from tests.support.keys import ENTER, SPACE, TAB
from tests.support.modules import call
from tests.support.proxy import Faults, Proxy
from tests.support.servers import Server
from tests.support.talk import FAKE_SOCKETS, GREETING, address, say

# The address


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/WS.ashx"),
        ("http://127.0.0.1:8080/default.html", "ws://127.0.0.1:8080/WS.ashx"),
        ("http://example.org/", "ws://example.org/WS.ashx"),
        ("https://example.org/", "wss://example.org/WS.ashx"),
        ("https://example.org:8443/default.html", "wss://example.org:8443/WS.ashx"),
        ("https://example.org/echo-service/", "wss://example.org/echo-service/WS.ashx"),
        ("http://example.org/a/b/default.html", "ws://example.org/a/b/WS.ashx"),
        ("http://example.org/p/?q=/x/#/y/", "ws://example.org/p/WS.ashx"),
        ("http://[::1]:8080/", "ws://[::1]:8080/WS.ashx"),
    ],
)
def test_the_address_follows_the_page(page: Page, location: str, address: str) -> None:
    derived = call(page, "common/address.js", "webSocketAddress", "WS.ashx", {"href": location})
    assert derived == address


def test_the_page_shows_its_websocket_address(fake: Page, server: Server) -> None:
    own = f"{server.ws_url}/WS.ashx"
    assert fake.run("return sockets[0].address") == own
    assert address(fake) == own


@pytest.mark.parametrize("path", ["/echo-service/", "/echo-service/default.html"])
def test_the_page_connects_below_its_own_path_prefix(page: Page, server: Server, path: str) -> None:
    page.run_before_load(FAKE_SOCKETS)
    with Proxy(server.port, faults=Faults(strip="/echo-service")) as proxy:
        page.open(path, url=proxy.url)
        path = page.run("return new URL(sockets[0].address).pathname")
        assert path == "/echo-service/WS.ashx"
        page.leave()


def test_the_page_works_without_a_secure_context(page: Page, server: Server) -> None:
    page.open(url=server.url.replace("127.0.0.1", NAMED_HOST))
    assert page.run("return isSecureContext") is False
    page.wait_for_lines(*GREETING)


# The keyboard, the screen, the network


def walk(page: Page) -> list[str]:
    """The elements that Tab reaches, from the top of the page to its end."""
    reached: list[str] = []
    while True:
        page.press(TAB)
        if page.focus == "":
            return reached
        reached.append(page.focus)


def test_tab_reaches_every_control(talk: Page) -> None:
    tabs = ["tab-talk", "tab-handshake", "tab-compare", "tab-diagnose", "tab-learn"]
    log = ["view-log", "view-details", "clear", "export-json", "export-text", "messages", "message"]
    terms = ["Extensions", "round-trip time"]
    rest = ["opening-more", *terms, "frames-fold", "/healthz", "Documentation"]
    form = ["reconnect", "address"]
    assert walk(talk) == [*tabs, *form, "disconnect", "options-fold", *log, "send", *rest]
    talk.run("document.getElementById('disconnect').click()")
    talk.wait_for_state("closed")
    assert walk(talk) == [*tabs, *form, "connect", "options-fold", *log, *rest]


def test_the_keyboard_alone_is_enough(talk: Page) -> None:
    talk.press(TAB * 8)  # past the tabs, the switch and the address
    assert talk.focus == "disconnect"
    talk.press(SPACE)
    talk.wait_for_state("closed")
    assert talk.focus == "connect"
    talk.press(ENTER)
    talk.wait_for_state("open")
    assert talk.focus == "disconnect"
    while talk.focus != "message":
        talk.press(TAB)
    talk.press("typed" + ENTER)
    talk.wait_until(lambda: talk.lines[-1] == "<<< typed back", "a reply")
    assert talk.focus == "message"


@pytest.mark.slow
@pytest.mark.parametrize("control", ["disconnect", "messages", "message", "send"])
def test_the_focus_is_visible(talk: Page, control: str) -> None:
    look = (
        "const style = getComputedStyle(document.getElementById(arguments[0]));"
        "return [style.outlineStyle, style.outlineWidth, style.borderColor]"
    )
    before = talk.run(look, control)
    while talk.focus != control:
        talk.press(TAB)
    talk.wait_until(lambda: talk.run(look, control) != before, f"another look of {control}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(page: Page, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.devtools("Emulation.setEmulatedMedia", features=[feature])
    page.open()
    assert page.run("return getComputedStyle(document.documentElement).colorScheme") == scheme


def test_a_phone_never_scrolls_sideways(page: Page) -> None:
    page.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=844,
        deviceScaleFactor=3,
        mobile=True,
    )
    page.open()
    page.wait_for_lines(*GREETING)
    say(page, "x" * 500)
    page.wait_until(lambda: len(page.lines) == 5, "a reply")
    for element in ("documentElement", "body", "querySelector('#messages')"):
        scroll, client = page.run(
            f"const e = document.{element}; return [e.scrollWidth, e.clientWidth]"
        )
        assert scroll <= client, element
    assert page.run("return innerWidth") == 390


def test_a_phone_shows_the_message_box_without_scrolling(page: Page) -> None:
    page.emulate(390, 844, "light")
    page.open()
    page.wait_for_lines(*GREETING)
    bottoms = page.run(
        "return ['message', 'send'].map((id) =>"
        "  document.getElementById(id).getBoundingClientRect().bottom)"
    )
    assert max(bottoms) <= 844


def test_every_resource_comes_from_the_server_itself(talk: Page, server: Server) -> None:
    addresses = talk.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert f"{server.url}/static/js/main.js" in addresses
    assert f"{server.url}/static/css/style.css" in addresses
    assert [address for address in addresses if not address.startswith(server.url)] == []
