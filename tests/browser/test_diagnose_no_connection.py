"""What the panel Diagnose says where there is no connection at all."""

from flask_echo.cures import PASS_UPGRADES_ON
from tests.support.browser import KEEP_SOCKETS
from tests.support.diagnose import CHECKS, Panel
from tests.support.proxy import HOP_BY_HOP, Faults, Proxy
from tests.support.servers import StartServer


def test_without_a_connection_the_likely_culprit_is_named_and_the_rest_not_run(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(request=HOP_BY_HOP)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts == {"handshake-time": "bad", **dict.fromkeys(CHECKS[1:], "not run")}
    assert "a proxy in between drops the headers Upgrade and Connection" in panel.text(
        "handshake-time"
    )
    for product, cure in PASS_UPGRADES_ON.items():
        assert f"{product}: {cure}" in panel.text("handshake-time")
    assert "There was no connection to try this on." in panel.text("load-balancing")
    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert saved["checks"][0].keys() == {"id", "title", "verdict", "figure", "meaning", "advice"}
    panel.page.take_console_errors()


def test_an_upgrade_that_is_held_back_is_given_up_and_told_from_a_refused_one(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(latency_up=14)
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.open(proxy.url)
    assert panel.run("handshake-time") == "bad"
    assert "the upgrade to a WebSocket gets no answer at all" in panel.text("handshake-time")
    (opened,) = panel.page.run(
        "return sockets.filter(({ url }) => url.endsWith('inspect'))"
        ".map(({ readyState }) => readyState)"
    )
    assert opened in (2, 3)  # closing or closed
    panel.open()  # before the proxy ends, with a connection of the panel Talk still held back
    panel.page.take_console_errors()


def test_a_server_that_is_gone_is_no_matter_of_websockets(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    panel.open(server.url)
    server.stop()
    for check in ("handshake-time", "idle"):  # of which the second begins with plain HTTP
        assert panel.run(check) == "bad"
        assert "the server is down, or the network to it is" in panel.text(check)
    panel.page.take_console_errors()


def test_a_full_server_is_called_full(panel: Panel, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    panel.open(server.url)  # the Talk panel takes the only seat
    panel.page.wait_until(
        lambda: panel.page.run("return document.querySelector('#messages').textContent"), "a hello"
    )
    assert panel.run("handshake-time") == "bad"
    assert "The server is full: 1 of 1 connections are taken." in panel.text("handshake-time")
    panel.page.take_console_errors()


def test_a_page_from_an_origin_that_is_not_allowed_is_told_from_a_bad_proxy(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS="https://a.test, https://b.test")
    panel.open(server.url)
    assert panel.run("handshake-time") == "bad"
    told = panel.text("handshake-time")
    assert f"refuses WebSockets from pages of {server.url}: it takes those of https://a." in told
    assert f"add {server.url} to FLASK_ECHO_ALLOWED_ORIGINS" in told
    panel.page.take_console_errors()
