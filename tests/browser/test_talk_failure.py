"""What Talk says when a connection does not open, and where it leads."""

import pytest

from tests.support.axe import violations
from tests.support.browser import Page
from tests.support.nginx import FORGETFUL, nginx
from tests.support.servers import Server, StartServer
from tests.support.talk import SUPPORTED, choose, rows
from tests.support.waiting import wait_until

SIZES = [(390, 844), (1280, 800)]
CLOSED = "### connection closed (1006)"
NO_UPGRADE = (
    "A proxy seems to have removed the upgrade: the request reached the server without HTTP/1.1,"
    " Connection: Upgrade, and Upgrade: websocket (status 426)."
)


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
    page.leave()
    page.take_console_errors()


def test_a_subprotocol_that_was_not_chosen_is_named(page: Page, server: Server) -> None:
    page.open(url=server.url)
    page.wait_for_state("open")
    choose(page, protocols="chat")
    page.click("apply")
    wait_for_banner(page)
    page.wait_until(
        lambda: page.text("#failure-reason").startswith(
            "The server chose no subprotocol, but this page offered the subprotocol “chat”."
        ),
        "the reason",
    )
    page.take_console_errors()


def test_a_working_page_writes_no_error_to_the_console(page: Page, server: Server) -> None:
    page.open(url=server.url)
    page.wait_for_state("open")
    for panel in ("handshake", "compare", "diagnose", "learn", "talk"):
        page.click(f"tab-{panel}")
    assert page.take_console_errors() == []
