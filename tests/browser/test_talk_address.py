"""The address of Talk: any server, and links that carry a configuration."""

import shlex
from collections.abc import Iterator

import pytest

from tests.support.browser import Page
from tests.support.echoes import other_server
from tests.support.modules import call
from tests.support.servers import Server, StartServer, port_of_nobody
from tests.support.talk import FAKE_SOCKETS, SUPPORTED, address, choose, next_path, round_trips, say

pytestmark = pytest.mark.slow

HTTP = {"href": "http://127.0.0.1:8080/p/", "protocol": "http:"}
HTTPS = {"href": "https://example.org/", "protocol": "https:"}


@pytest.mark.parametrize(
    ("text", "location", "href", "foreign"),
    [
        ("/echo", HTTP, "ws://127.0.0.1:8080/p/echo", False),
        ("/", HTTP, "ws://127.0.0.1:8080/p/", False),
        ("/echo?delay=2", HTTPS, "wss://example.org/echo?delay=2", False),
        ("ws://127.0.0.1:8080/p/echo", HTTP, "ws://127.0.0.1:8080/p/echo", False),
        ("ws://127.0.0.1:8080/other", HTTP, "ws://127.0.0.1:8080/other", True),
        ("http://example.org/chat", HTTP, "ws://example.org/chat", True),
        ("HTTPS://example.org", HTTP, "wss://example.org/", True),
        ("//example.net/x", HTTPS, "wss://example.net/x", True),
        ("ws://127.0.0.1:9000/", HTTPS, "ws://127.0.0.1:9000/", True),
        (" wss://example.net/a b ", HTTP, "wss://example.net/a%20b", True),
    ],
)
def test_an_address_is_read(
    page: Page, text: str, location: dict[str, str], href: str, foreign: bool
) -> None:
    read = call(page, "common/entered-address.js", "parseAddress", text, location)
    assert (read["href"], read["foreign"]) == (href, foreign)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Enter an address"),
        ("example.org", "Start the address with ws://, wss:// or /."),
        ("ftp://example.org", "Start the address with"),
        ("ws://", "not a valid address"),
        ("ws://example.org:99999/", "not a valid address"),
        ("/echo#part", "no part after #"),
    ],
)
def test_a_bad_address_is_explained_and_not_used(fake: Page, text: str, error: str) -> None:
    fake.run("sockets[0].end(1000, '')")
    enter(fake, text)
    assert error in fake.text("#address-error")
    fake.click("connect")
    assert fake.run("return sockets.length") == 1
    assert fake.element("address").get_attribute("aria-invalid") == "true"


def test_a_page_over_https_explains_that_it_cannot_open_ws(page: Page) -> None:
    page.open("/healthz")
    error = page.run_async(
        "const done = arguments[arguments.length - 1];"
        "const module = new URL('static/js/common/entered-address.js', location);"
        "import(module).then(({ parseAddress }) => {"
        "  try { parseAddress('ws://example.net/', arguments[0]); done('none'); }"
        "  catch (error) { done(error.message); } })",
        HTTPS,
    )
    assert error.startswith("This page came over https, so the browser forbids ws:.")


def enter(page: Page, text: str) -> None:
    choose(page, to=text)


# Another server


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    with other_server("websockets") as url:
        yield url


def test_another_server_is_talked_to_without_a_trace(page: Page, foreign: str) -> None:
    page.open()
    page.wait_for_state("open")
    enter(page, foreign)
    assert page.element("connect").text == "Apply and connect"
    before = len(page.lines)
    page.click("connect")
    page.wait_until(lambda: "### connection open" in page.lines[before:], "the other connection")
    assert "trace" not in address(page)
    say(page, "hello")
    page.wait_until(lambda: page.lines[-2:] == [">>> hello", "<<< hello"], "an echo")
    page.wait_until(lambda: round_trips(page)[-1].endswith("s"), "a round trip")
    page.run("document.querySelector('#frames').open = true")
    assert "another server" in page.text("#frames-note")


def test_the_handshake_of_this_server_is_not_offered_for_another(fake: Page) -> None:
    assert fake.element("opening-more").is_displayed()
    fake.run("sockets[0].end(1000, '')")
    enter(fake, "ws://127.0.0.1:9/other")
    fake.click("connect")
    fake.run("sockets[1].accept()")
    assert not fake.element("opening-more").is_displayed()
    fake.run("sockets[1].end(1000, '')")
    enter(fake, "/echo")
    fake.click("connect")
    assert fake.element("opening-more").is_displayed()


def test_a_message_without_a_reply_is_told_apart_from_no_message(fake: Page) -> None:
    def says(text: str) -> None:
        fake.wait_until(lambda: fake.text("#no-times") == text, f"the text {text}")

    says("Send a message to see its round-trip time here.")
    say(fake, "one")
    says("No reply yet.")
    fake.run("sockets[0].end(1000, '')")
    enter(fake, "ws://127.0.0.1:9/other")
    fake.click("connect")
    fake.run("sockets[1].accept()")
    says("Send a message to see its round-trip time here.")
    say(fake, "one")
    says("No reply yet. A reply is a message that returns the sent text.")


def test_nothing_is_said_of_a_message_without_a_reply_from_another_server(fake: Page) -> None:
    fake.run("sockets[0].end(1000, '')")
    enter(fake, "ws://127.0.0.1:9/other")
    fake.click("connect")
    fake.run("sockets[1].accept()")
    assert fake.run("return sockets[1].trace") is None
    say(fake, "one")
    say(fake, "two")
    fake.run("sockets[1].receive('two')")
    fake.wait_until(lambda: len(round_trips(fake)) == 1, "a round trip")
    fake.run("sockets[1].end(1006, '')")
    fake.wait_until(lambda: fake.lines[-1] == "### connection closed (1006)", "the end")
    assert len(round_trips(fake)) == 1


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with port_of_nobody() as port:
        yield port


def test_a_failure_of_another_server_offers_the_probe(page: Page, closed_port: int) -> None:
    page.open()
    page.wait_for_state("open")
    other = f"ws://127.0.0.1:{closed_port}/it's?x=1"
    enter(page, other)
    page.click("connect")
    page.wait_until(lambda: page.element("failure-probe").is_displayed(), "the offer")
    assert not page.element("failure-why").is_displayed()
    command = f"flask-echo probe 'ws://127.0.0.1:{closed_port}/it%27s?x=1'"
    assert page.text("#failure-command") == command
    assert "Diagnose" not in page.text("#failure")
    assert "pip install ." in page.text("#failure-probe")
    page.take_console_errors()


def test_the_probe_offers_the_same_subprotocols(fake: Page) -> None:
    fake.run("sockets[0].end(1000, '')")
    choose(fake, to="ws://127.0.0.1:9/x", protocols="chat, v2.json, it's!")
    fake.click("connect")
    fake.run("sockets[1].end(1006, '')")
    fake.wait_until(lambda: fake.element("failure-command").is_displayed(), "the command")
    command = fake.text("#failure-command")
    words = ["flask-echo", "probe", "ws://127.0.0.1:9/x"]
    offers = ["--subprotocol", "chat", "--subprotocol", "v2.json", "--subprotocol", "it's!"]
    assert shlex.split(command) == [*words, *offers]


def test_the_operator_can_forbid_other_servers(
    page: Page, start_server: StartServer, foreign: str
) -> None:
    server = start_server("gunicorn", FOREIGN_ADDRESSES="false")
    page.open(url=server.url)
    page.wait_for_state("open")
    enter(page, foreign)
    assert "FLASK_ECHO_FOREIGN_ADDRESSES is false" in page.text("#address-error")
    page.run(
        "window.blocked = null;"
        "document.addEventListener('securitypolicyviolation', (e) => {"
        "  blocked = e.violatedDirective; });"
        "try { new WebSocket(arguments[0]); } catch { }",
        foreign,
    )
    page.wait_until(lambda: page.run("return blocked") == "connect-src", "the policy's answer")
    page.take_console_errors()


# Links


def test_a_link_carries_the_configuration(page: Page) -> None:
    page.run_before_load(FAKE_SOCKETS)
    page.open("/#talk?to=/echo&delay=2&protocols=chat,superchat&format=json&reconnect")
    assert next_path(page) == "/echo?delay=2"
    assert page.run("return sockets[0].address").endswith("/echo?delay=2")
    assert page.run("return sockets[0].protocols") == ["chat", "superchat"]
    values = page.run(
        "const { elements: e } = document.querySelector('#options-form');"
        "return [e.route.value, e.delay.value, e.format.value, e.reconnect.checked]"
    )
    assert values == ["echo", "2", "json", True]
    link = page.run("return location.hash")
    assert link == "#talk?to=/echo&delay=2&protocols=chat,superchat&format=json&reconnect"


def test_the_link_follows_the_options(fake: Page) -> None:
    assert fake.run("return location.hash") in ("", "#talk")
    choose(fake, route="echo", behaviour="close", after="3")
    assert fake.run("return location.hash") == "#talk?to=/echo&close=1011&after=3"
    fake.click("options-reset")
    assert fake.run("return location.hash") == "#talk"


@pytest.mark.parametrize("to", ["ws://127.0.0.1:9/x", "//127.0.0.1:9/x"])
def test_a_link_never_connects_to_another_server_by_itself(page: Page, to: str) -> None:
    page.run_before_load(FAKE_SOCKETS)
    page.open(f"/#talk?to={to}")
    page.wait_until(lambda: address(page) == "ws://127.0.0.1:9/x", "the address")
    assert page.run("return sockets.length") == 0
    assert page.lines == [SUPPORTED]
    assert page.element("address-note").text == "This is another server. Press Connect to open it."
    page.click("connect")
    assert page.run("return sockets.map((s) => s.address)") == ["ws://127.0.0.1:9/x"]


def test_an_unknown_option_of_a_link_is_named(page: Page, server: Server) -> None:
    page.open("/#talk?to=/WS.ashx&speed=9", url=server.url)
    page.wait_for_state("open")
    page.click("view-details")
    page.wait_until(
        lambda: "“speed” is not an option of this link" in page.text("#entries"), "the notice"
    )


@pytest.mark.parametrize(
    ("text", "route"),
    [("/echo?delay=2", "echo"), ("/echo?delay=2.50", ""), ("/echo?what=1", ""), ("/inspect", "")],
)
def test_a_query_that_the_form_cannot_show_stays_as_written(
    fake: Page, text: str, route: str
) -> None:
    enter(fake, text)
    assert next_path(fake) == text
    assert fake.run("return document.querySelector('[name=route]').value") == route


# Round trips

# Waiting for a reply has no end here, so that the speed of the machine does not matter.
DRAWING_TAKES_TIME = """
window.clock = 1000;
const setTimer = window.setTimeout;
window.setTimeout = (task, wait, ...rest) => (wait === 50 ? 0 : setTimer(task, wait, ...rest));
performance.now = () => window.clock;
for (const name of ["append", "replaceChildren"]) {
  const draw = Element.prototype[name];
  Element.prototype[name] = function (...nodes) { window.clock += 30; draw.apply(this, nodes); };
}
"""


def test_drawing_is_not_part_of_a_round_trip(page: Page) -> None:
    page.run_before_load(FAKE_SOCKETS + DRAWING_TAKES_TIME)
    page.open()
    page.run("sockets[0].accept()")
    page.wait_for_state("open")
    # The reply arrives two tasks after the message, when a page that draws at once has drawn.
    page.run(
        "sockets[0].send = () => setTimeout(() => setTimeout(() => {"
        "  window.clock += 5; sockets[0].receive('\"one back\"'); }));"
    )
    say(page, "one")
    page.wait_until(lambda: page.element("median").text == "5.0 ms", "a median of 5 ms")
