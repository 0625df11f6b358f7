"""What the page does in a real browser."""

import re

import pytest

from tests.support.browser import NAMED_HOST, Page
from tests.support.servers import Server, StartServer
from tests.support.talk import (
    ENTER,
    FAKE_SOCKETS,
    GREETING,
    HELLO,
    OPEN,
    SPACE,
    SUPPORTED,
    TAB,
    imported,
    say,
)


@pytest.fixture
def talk(page: Page) -> Page:
    """The page, connected."""
    page.open()
    page.wait_for_lines(*GREETING)
    return page


@pytest.fixture
def fake(page: Page) -> Page:
    """The page with a socket that is connected to the test."""
    page.run_before_load(FAKE_SOCKETS)
    page.open()
    page.run("sockets[0].accept()")
    assert page.lines == [SUPPORTED, OPEN]
    return page


# The conversation


@pytest.mark.parametrize("path", ["/", "/default.html"])
def test_the_log_tells_the_conversation_in_order(page: Page, path: str) -> None:
    page.open(path)
    page.wait_for_lines(*GREETING)
    say(page, "one")
    page.wait_for_lines(*GREETING, ">>> one", "<<< one back")
    say(page, "two")
    page.wait_for_lines(*GREETING, ">>> one", "<<< one back", ">>> two", "<<< two back")


def test_both_addresses_give_the_same_page(page: Page) -> None:
    sources = []
    for path in ("/", "/default.html"):
        page.open(path)
        fetch = "fetch(location).then((page) => page.text()).then(arguments[0])"
        sources.append(page.run_async(fetch))
    assert sources[0] == sources[1]
    assert "<title>WebSockets demo</title>" in sources[0]


def test_the_title_is_also_the_heading(talk: Page) -> None:
    title, headings = talk.run(
        "return [document.title, [...document.querySelectorAll('h1')].map((h) => h.textContent)]"
    )
    assert (title, headings) == ("WebSockets demo", ["WebSockets demo"])


def test_enter_sends_and_typing_replaces_what_was_sent(talk: Page) -> None:
    say(talk, "first")
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back")
    talk.press("second" + ENTER)
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back", ">>> second", "<<< second back")


def test_the_send_button_sends_and_typing_replaces_what_was_sent(talk: Page) -> None:
    talk.run("document.getElementById('message').value = 'first'")
    talk.click("send")
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back")
    talk.press("second")
    talk.click("send")
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back", ">>> second", "<<< second back")


def test_the_text_that_was_sent_stays_and_is_selected(talk: Page) -> None:
    say(talk, "again")
    assert talk.run("return getSelection().toString()") == "again"
    assert talk.element("message").get_property("value") == "again"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("  two  spaces  ", id="spaces"),
        pytest.param("👩‍🚀 naïve 漢字 مرحبا", id="unicode"),
        pytest.param("a\u2028b\u2029c\u0085d", id="line separators"),
        pytest.param("'single' \"double\" back\\slash \\n \\u0041", id="quotes and escapes"),
        pytest.param("a\tb\u0000c", id="control characters"),
        pytest.param("<img src=x onerror=\"document.title='hacked'\">", id="image"),
        pytest.param("</pre><script>document.title='hacked'</script>", id="script"),
        pytest.param("&lt;b&gt; &amp;amp;", id="entities"),
        pytest.param("x" * 70_000, id="more than 64 KiB"),
    ],
)
def test_text_is_shown_as_it_was_sent(talk: Page, text: str) -> None:
    say(talk, text)
    talk.wait_for_lines(*GREETING, f">>> {text}", f"<<< {text} back")
    assert talk.run("return document.querySelector('#messages :not(span)')") is None
    assert talk.run("return document.title") == "WebSockets demo"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ('"a string"', "a string"),
        ('"two\\nlines"', "two\nlines"),
        ("not JSON", "not JSON"),
        ("", ""),
        ('{"an": "object"}', '{"an": "object"}'),
        ("null", "null"),
        ("1e400", "1e400"),
    ],
)
def test_a_message_that_is_no_json_string_is_shown_as_it_came(
    fake: Page, data: str, shown: str
) -> None:
    fake.run("sockets[0].receive(arguments[0])", data)
    assert fake.lines[2:] == f"<<< {shown}".split("\n")


def test_a_binary_message_is_shown_by_its_size(fake: Page) -> None:
    fake.run("sockets[0].receive(new Blob(['abc']))")
    assert fake.lines[2:] == ["<<< (3 bytes of binary data)"]


# The connection


def test_controls_allow_what_an_open_connection_can_do(talk: Page) -> None:
    assert talk.state == "open"
    assert talk.is_enabled("send")
    assert not talk.is_enabled("connect")
    assert talk.is_enabled("disconnect")


def test_disconnect_closes_with_a_code_and_stops_sending(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_lines(*GREETING, "### connection closed (1000)")
    assert talk.state == "closed"
    assert not talk.is_enabled("send")
    assert talk.is_enabled("connect")
    assert not talk.is_enabled("disconnect")
    say(talk, "is anyone there?")
    assert len(talk.lines) == 4


def test_connect_says_hello_again_and_just_once(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_state("closed")
    talk.click("connect")
    closed = "### connection closed (1000)"
    talk.wait_for_lines(*GREETING, closed, OPEN, HELLO)
    say(talk, "once")
    talk.wait_for_lines(*GREETING, closed, OPEN, HELLO, ">>> once", "<<< once back")


def test_a_server_that_stops_says_goodbye_and_can_be_tried_again(
    page: Page, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    page.open(url=server.url)
    page.wait_for_lines(*GREETING)
    server.stop()
    page.wait_for_state("closed")
    assert re.fullmatch(r"### connection closed \(1001( .+)?\)", page.lines[-1])

    page.click("connect")
    page.wait_until(lambda: len(page.lines) > 4, "the end of the attempt")
    assert page.lines[4:] == ["### connection closed (1006)"]
    assert page.state == "closed"
    assert page.is_enabled("connect")
    (refused,) = page.take_console_errors()
    assert "WebSocket connection to" in refused


@pytest.mark.parametrize(
    ("code", "reason", "line"),
    [
        (1001, "going away", "### connection closed (1001 going away)"),
        (1006, "", "### connection closed (1006)"),
        (4000, "<b>(why)</b>", "### connection closed (4000 <b>(why)</b>)"),
    ],
)
def test_the_end_is_told_by_code_and_reason(fake: Page, code: int, reason: str, line: str) -> None:
    fake.run("sockets[0].end(...arguments)", code, reason)
    assert fake.lines[2:] == [line]
    assert fake.state == "closed"


def test_nothing_is_sent_before_the_connection_is_open(page: Page) -> None:
    page.run_before_load(FAKE_SOCKETS)
    page.open()
    assert page.state == "connecting"
    assert not page.is_enabled("send")
    say(page, "too early")
    assert page.lines == [SUPPORTED]
    assert page.run("return sockets[0].sent") == []


def test_nothing_is_sent_once_the_server_is_closing(fake: Page) -> None:
    fake.run("sockets[0].readyState = 2")  # there is no event for this
    say(fake, "too late")
    assert fake.lines == [SUPPORTED, OPEN]
    assert fake.run("return sockets[0].sent") == []


def test_a_connection_attempt_can_be_called_off(page: Page) -> None:
    page.run_before_load(FAKE_SOCKETS)
    page.open()
    page.click("disconnect")
    assert page.state == "closing"
    page.run("sockets[0].end(1006, '')")
    assert page.lines == [SUPPORTED, "### connection closed (1006)"]


def test_a_close_that_is_not_answered_does_not_stop_a_new_connection(fake: Page) -> None:
    fake.click("disconnect")
    assert fake.state == "closing"
    fake.click("connect")
    fake.wait_for_lines(SUPPORTED, OPEN, "### connection closed (1006 abandoned while closing)")
    assert fake.state == "connecting"
    assert fake.run("return sockets.map((s) => s.readyState)") == [2, 0]


def test_an_older_socket_is_not_heard_any_more(fake: Page) -> None:
    fake.click("disconnect")
    fake.click("connect")
    fake.run("sockets[1].accept()")
    before = fake.lines
    fake.run("sockets[0].receive('\"late\"'); sockets[0].end(1000, '')")
    assert fake.lines == before
    assert fake.state == "open"
    say(fake, "new")
    assert fake.run("return sockets.map((s) => s.sent)") == [[], ["new"]]


def test_a_page_that_is_put_aside_closes_and_comes_back_connected(fake: Page) -> None:
    fake.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert fake.run("return sockets[0].closedWith") == 1000
    fake.run("sockets[0].end(1000, '')")
    fake.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    fake.run("sockets[1].accept()")
    assert fake.lines[2:] == ["### connection closed (1000)", OPEN]


def test_a_page_that_was_disconnected_comes_back_disconnected(fake: Page) -> None:
    fake.click("disconnect")
    fake.run("sockets[0].end(1000, '')")
    fake.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    fake.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert fake.run("return sockets.length") == 1


def test_the_back_button_finds_a_conversation(talk: Page) -> None:
    talk.open("/default.html")
    talk.back()
    assert talk.run("return location.pathname") == "/"
    talk.wait_until(lambda: talk.lines[-2:] == [OPEN, HELLO], "a greeting")
    talk.wait_for_state("open")


def test_a_browser_without_websockets_is_told_so(page: Page) -> None:
    page.run_before_load("delete window.WebSocket")
    page.open()
    page.wait_for_lines("### websockets not supported")
    assert page.state == "not supported"
    for control in ("message", "send", "connect", "disconnect"):
        assert not page.is_enabled(control)


def test_a_browser_without_scripts_is_told_so(page: Page) -> None:
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    page.open()
    text = page.element("talk").find_element("xpath", "preceding-sibling::noscript").text
    assert "needs JavaScript" in text


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
    derive = "m.webSocketAddress('WS.ashx', { href: a[0] })"
    assert imported(page, "common/address", derive, location) == address


def test_the_page_shows_the_address_it_uses(fake: Page, server: Server) -> None:
    address = server.url.replace("http:", "ws:") + "/WS.ashx"
    assert fake.run("return sockets[0].address") == address
    assert fake.element("address").text == address


@pytest.mark.parametrize("path", ["/echo-service/", "/echo-service/default.html"])
def test_the_page_connects_below_the_prefix_it_is_served_at(page: Page, path: str) -> None:
    page.run_before_load(FAKE_SOCKETS + f"history.replaceState(null, '', '{path}');")
    page.open()
    address = page.run("return new URL(sockets[0].address).pathname")
    assert address == "/echo-service/WS.ashx"


def test_plain_http_under_a_name_is_enough(page: Page, server: Server) -> None:
    page.open(url=server.url.replace("127.0.0.1", NAMED_HOST))
    assert page.run("return isSecureContext") is False
    page.wait_for_lines(*GREETING)


# The log

FILL = """
const [from, to] = arguments;
for (let i = from; i < to; i++) {
  sockets[0].receive(JSON.stringify(i % 7 ? `${i}` : `${i}${" and a long line".repeat(20)}`));
}
"""
SCROLL_TO_THE_MIDDLE = """
const log = document.getElementById("messages");
log.scrollTop = log.scrollHeight / 2;
const { top } = log.getBoundingClientRect();
window.seen = [...log.children].find((line) => line.getBoundingClientRect().top >= top);
"""
SEEN_AT = "return seen.getBoundingClientRect().top"
BELOW = """
const { scrollHeight, scrollTop, clientHeight } = document.getElementById("messages");
return scrollHeight - scrollTop - clientHeight;
"""


def test_the_log_keeps_the_newest_thousand_lines(fake: Page) -> None:
    fake.run(FILL, 0, 998)
    assert (len(fake.lines), fake.lines[0]) == (1000, SUPPORTED)
    fake.run(FILL, 998, 1500)
    assert len(fake.lines) == 1000
    assert fake.lines[0].startswith("<<< 500")
    assert fake.lines[-1].startswith("<<< 1499")


@pytest.mark.parametrize("count", [100, 1500], ids=["below the cap", "at the cap"])
def test_the_log_follows_its_end(fake: Page, count: int) -> None:
    fake.run(FILL, 0, count)
    assert fake.run("return document.getElementById('messages').scrollTop") > 0
    assert fake.run(BELOW) < 2


@pytest.mark.parametrize("zoom", [1, 1.1], ids=["100 %", "110 %"])
@pytest.mark.parametrize("count", [100, 1500], ids=["below the cap", "at the cap"])
def test_what_is_being_read_stays_where_it_is(fake: Page, count: int, zoom: float) -> None:
    fake.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=1280,
        height=800,
        deviceScaleFactor=zoom,
        mobile=False,
    )
    fake.run(FILL, 0, count)
    fake.run(SCROLL_TO_THE_MIDDLE)
    before = fake.run(SEEN_AT)
    fake.run(FILL, count, count + 250)
    assert fake.run(SEEN_AT) == pytest.approx(before, abs=1)


def test_the_log_follows_again_once_the_reader_is_back_at_its_end(fake: Page) -> None:
    fake.run(FILL, 0, 100)
    fake.run(SCROLL_TO_THE_MIDDLE)
    fake.run(FILL, 100, 101)
    assert fake.run(BELOW) > 100
    fake.run("const log = document.getElementById('messages'); log.scrollTop = log.scrollHeight")
    fake.run(FILL, 101, 120)
    assert fake.run(BELOW) < 2


# The keyboard, the screen, the network


def walk(page: Page) -> list[str]:
    """What Tab reaches, from the top of the page to its end."""
    reached: list[str] = []
    while True:
        page.press(TAB)
        if page.focus == "":
            return reached
        reached.append(page.focus)


def test_tab_reaches_everything_that_can_be_used(talk: Page) -> None:
    tabs = ["tab-talk", "tab-handshake", "tab-diagnose"]
    details = ["pause", "clear", "export-json", "export-text", "filter", "kind", "entries"]
    rest = [*details, "options-fold", "/healthz"]
    assert walk(talk) == [*tabs, "disconnect", "messages", "message", "send", *rest]
    talk.run("document.getElementById('disconnect').click()")
    talk.wait_for_state("closed")
    assert walk(talk) == [*tabs, "connect", "messages", "message", *rest]


def test_the_keyboard_is_enough(talk: Page) -> None:
    talk.press(TAB * 4)  # past the tabs
    assert talk.focus == "disconnect"
    talk.press(SPACE)
    talk.wait_for_state("closed")
    assert talk.focus == "connect"
    talk.press(ENTER)
    talk.wait_for_state("open")
    assert talk.focus == "disconnect"
    talk.press(TAB + TAB + "typed" + ENTER)
    talk.wait_until(lambda: talk.lines[-1] == "<<< typed back", "an answer")
    assert talk.focus == "message"


@pytest.mark.parametrize("control", ["disconnect", "messages", "message", "send"])
def test_the_focus_can_be_seen(talk: Page, control: str) -> None:
    look = (
        "const style = getComputedStyle(document.getElementById(arguments[0]));"
        "return [style.outlineStyle, style.outlineWidth, style.borderColor]"
    )
    before = talk.run(look, control)
    while talk.focus != control:
        talk.press(TAB)
    talk.wait_until(lambda: talk.run(look, control) != before, f"another look of {control}")


def test_the_log_scrolls_by_keyboard(fake: Page) -> None:
    fake.run(FILL, 0, 100)
    while fake.focus != "messages":
        fake.press(TAB)
    fake.press("\ue011")  # Home
    top = "return document.getElementById('messages').scrollTop"
    fake.wait_until(lambda: fake.run(top) == 0, "the top of the log")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(page: Page, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.devtools("Emulation.setEmulatedMedia", features=[feature])
    page.open()
    assert page.run("return getComputedStyle(document.documentElement).colorScheme") == scheme


def test_nothing_needs_scrolling_sideways_on_a_phone(page: Page) -> None:
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
    page.wait_until(lambda: len(page.lines) == 5, "an answer")
    for element in ("documentElement", "body", "querySelector('#messages')"):
        scroll, client = page.run(
            f"const e = document.{element}; return [e.scrollWidth, e.clientWidth]"
        )
        assert scroll <= client, element
    assert page.run("return innerWidth") == 390


def test_everything_comes_from_the_server_itself(talk: Page, server: Server) -> None:
    addresses = talk.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert f"{server.url}/static/js/main.js" in addresses
    assert f"{server.url}/static/css/style.css" in addresses
    assert [address for address in addresses if not address.startswith(server.url)] == []
