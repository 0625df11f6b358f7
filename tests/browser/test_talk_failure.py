"""What Talk says when a connection does not open, and where it leads."""

from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.support.axe import violations
from tests.support.browser import KEEP_SOCKETS, Page
from tests.support.echoes import other_server
from tests.support.nginx import FORGETFUL, RIGHT, nginx, nginx_with, without_chat
from tests.support.servers import Server, StartServer, port_of_nobody
from tests.support.talk import SUPPORTED, choose, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SIZES = [(390, 844), (1280, 800)]
CLOSED = "### connection closed (1006)"
NO_UPGRADE = (
    "A proxy seems to have removed the upgrade: the request reached the server without HTTP/1.1,"
    " Connection: Upgrade, and Upgrade: websocket (status 426)."
)


# A script for run_before_load(): counts the plain requests to the address of the chat.
COUNT_REQUESTS = """
window.asked = 0;
const send = window.fetch;
window.fetch = (address, options) => {
  if (String(address).endsWith("/WS.ashx")) window.asked += 1;
  return send(address, options);
};
"""


def wait_for_reason(page: Page, start: str) -> None:
    page.wait_until(lambda: page.text("#failure-reason").startswith(start), f"the reason {start}")


def wait_for_banner(page: Page) -> None:
    page.wait_until(lambda: page.element("failure").is_displayed(), "the banner")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_failure_leads_from_the_first_screen_to_its_cure(
    page: Page, server: Server, width: int, height: int
) -> None:
    with nginx(server.port, FORGETFUL) as port:
        page.emulate(width, height, "light")
        page.open(url=f"http://127.0.0.1:{port}")
        wait_for_banner(page)
        bottom, role = page.run(
            "const why = document.querySelector('#failure-why');"
            "return [why.getBoundingClientRect().bottom,"
            "  document.querySelector('#failure').getAttribute('role')]"
        )
        assert bottom <= height
        assert page.run("return scrollY") == 0
        assert role == "alert"
        assert page.text("#failure h2") == "Could not connect"
        page.wait_until(lambda: page.text("#failure-reason") == NO_UPGRADE, "the reason")
        assert page.state == "not connected"
        assert page.lines[:2] == [SUPPORTED, CLOSED]
        assert violations(page) == []
        page.click("failure-why")
        cure = "[...document.querySelectorAll('#diagnose pre')].find((e) => e.checkVisibility())"
        wait_until(lambda: page.run(f"return {cure}?.textContent"), 15)
        assert "proxy_set_header Upgrade $http_upgrade;" in page.run(f"return {cure}.textContent")
        page.leave()
    page.take_console_errors()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_failure_below_open_options_comes_into_view(
    page: Page, server: Server, width: int, height: int
) -> None:
    page.emulate(width, height, "light")
    page.open()
    page.click("options-fold")
    page.open("/#talk?to=/nonsense", url=server.url)
    wait_for_banner(page)
    page.wait_until(
        lambda: page.run(
            "const { top, bottom } = document.querySelector('#failure').getBoundingClientRect();"
            "return document.querySelector('#options').open && top >= 0 && bottom <= innerHeight"
        ),
        "the whole banner",
    )
    page.take_console_errors()


def test_the_banner_goes_when_the_connection_opens(fake: Page) -> None:
    fake.run("sockets[0].end(1000, '')")
    fake.click("connect")
    fake.run("sockets[1].end(1006, '')")
    wait_for_banner(fake)
    assert fake.state == "not connected"
    fake.click("connect")
    assert not fake.element("failure").is_displayed()
    fake.run("sockets[2].accept()")
    assert fake.state == "open"
    assert fake.lines[-2:] == [CLOSED, "### connection open"]


def test_a_failed_attempt_has_another_text_in_the_details(fake: Page) -> None:
    fake.run("sockets[0].end(1000, '')")
    fake.click("connect")
    fake.run("sockets[1].end(1006, '')")
    fake.wait_until(lambda: len(rows(fake)) == 4, "the end of the attempt")
    assert rows(fake)[-1][1] == "could not connect (1006)"
    assert fake.lines[-1] == CLOSED


def test_a_cancelled_attempt_is_no_failure(fake: Page) -> None:
    fake.run("sockets[0].end(1000, '')")
    fake.click("connect")
    fake.click("disconnect")
    fake.run("sockets[1].end(1006, '')")
    fake.wait_for_state("not connected")
    assert not fake.element("failure").is_displayed()


def test_the_banner_says_why_the_server_refused(page: Page, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS="1")
    page.open(url=server.url)
    page.wait_for_state("open")
    page.run("document.querySelector('#disconnect').click()")
    page.wait_for_state("closed")
    page.run("window.holder = new WebSocket(location.origin.replace('http', 'ws') + '/echo')")
    page.wait_until(
        lambda: page.run_async(
            "const [done] = arguments; fetch('healthz').then((r) => r.json())"
            ".then(({ seats_taken }) => done(seats_taken === 1))"
        ),
        "a full server",
    )
    page.click("connect")
    page.wait_until(lambda: "status 503" in page.text("#failure-reason"), "the reason")
    assert not page.element("failure-why").is_displayed()
    page.leave()
    page.take_console_errors()


def test_a_subprotocol_that_was_not_chosen_is_named(page: Page, server: Server) -> None:
    page.open(url=server.url)
    page.wait_for_state("open")
    choose(page, protocols="chat")
    page.click("apply")
    wait_for_banner(page)
    wait_for_reason(
        page, "The server chose no subprotocol, but this page offered the subprotocol “chat”."
    )
    assert not page.element("failure-why").is_displayed()
    page.take_console_errors()


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("/nonsense", "The server refused the upgrade with status 404:"),
        ("/echo?what=1", "The server refused the upgrade with status 400:"),
    ],
)
def test_a_wrong_address_needs_no_diagnosis(
    page: Page, server: Server, to: str, reason: str
) -> None:
    page.open(f"/#talk?to={to}", url=server.url)
    wait_for_reason(page, reason)
    assert not page.element("failure-why").is_displayed()
    page.take_console_errors()


def test_an_address_that_a_proxy_changed_needs_a_diagnosis(page: Page, server: Server) -> None:
    with nginx(server.port, f"{RIGHT} rewrite ^/WS /nonsense break;") as port:
        page.open(url=f"http://127.0.0.1:{port}")
        wait_for_reason(page, "The server refused the upgrade with status 404:")
        assert page.element("failure-why").is_displayed()
        page.leave()
    page.take_console_errors()


@pytest.mark.parametrize(
    ("directive", "reason"),
    [
        ("return 403;", "Something in front of the server forbids this address (403)."),
        (
            "proxy_pass http://127.0.0.1:PORT_OF_NOBODY;",
            "The proxy cannot reach the server to which it sends this address (502).",
        ),
    ],
)
def test_the_banner_tells_what_a_proxy_answers(
    page: Page, server: Server, directive: str, reason: str
) -> None:
    with ExitStack() as stack:
        nobody = stack.enter_context(port_of_nobody())
        lines = without_chat(directive.replace("PORT_OF_NOBODY", str(nobody)))
        port = stack.enter_context(nginx_with(lines, server.port))
        page.open(url=f"http://127.0.0.1:{port}")
        wait_for_reason(page, reason)
        assert page.lines[-1] == f"### {reason}"
        assert page.element("failure-why").is_displayed()
        page.leave()
    page.take_console_errors()


def test_a_stopped_server_is_named(page: Page, start_server: StartServer) -> None:
    server = start_server("gunicorn")
    page.open(url=server.url)
    page.wait_for_state("open")
    server.stop()
    page.wait_for_state("closed")
    page.click("connect")
    wait_for_reason(page, "The server is not reachable at all (not just WebSockets).")
    page.take_console_errors()


def test_the_address_is_asked_once_however_often_it_fails(page: Page, server: Server) -> None:
    page.run_before_load(KEEP_SOCKETS + COUNT_REQUESTS)
    with nginx_with(without_chat("return 403;"), server.port) as port:
        page.open("/#talk?reconnect", url=f"http://127.0.0.1:{port}")
        reason = "Something in front of the server forbids this address (403)."
        wait_for_reason(page, reason)
        page.wait_until(lambda: page.run("return sockets.length") == 4, "three more attempts")
        assert page.text("#failure-reason") == reason
        assert page.run("return asked") == 2  # without cookies, and with them
        page.leave()
    page.take_console_errors()


def test_what_a_page_can_know_of_another_server_is_said(page: Page) -> None:
    with other_server("web") as url:
        page.open()
        page.wait_for_state("open")
        choose(page, to=url)
        page.click("connect")
        wait_for_reason(page, "A browser does not tell pages the reason.")
        page.wait_for_state("not connected")
        assert not page.run(
            "return performance.getEntriesByType('resource')"
            ".some(({ name }) => new URL(name).host === arguments[0])",
            urlsplit(url).netloc,
        )
    page.take_console_errors()


def test_a_working_page_writes_no_error_to_the_console(page: Page, server: Server) -> None:
    page.open(url=server.url)
    page.wait_for_state("open")
    for panel in ("handshake", "compare", "diagnose", "learn", "talk"):
        page.click(f"tab-{panel}")
    assert page.take_console_errors() == []
