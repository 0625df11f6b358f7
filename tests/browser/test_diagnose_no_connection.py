"""Explanations of the panel Diagnose if there is no connection at all."""

from tests.support.browser import KEEP_SOCKETS
from tests.support.diagnose import CHECKS, Panel
from tests.support.proxy import HOP_BY_HOP, Faults, Proxy
from tests.support.servers import StartServer

# How to configure proxies, as the server writes it in its 426.
CURES = """
const headers = { Accept: "application/problem+json" };
fetch("echo", { headers }).then((response) => response.json())
  .then(({ cure }) => arguments[0](cure));
"""


def test_without_a_connection_the_cause_is_named_and_the_rest_skipped(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(request=HOP_BY_HOP)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts == {"handshake-time": "bad", **dict.fromkeys(CHECKS[1:], "not run")}
    assert "a proxy drops the headers Upgrade and Connection" in panel.text("handshake-time")
    cures = panel.page.run_async(CURES)
    assert len(cures) > 1
    for product, cure in cures.items():
        assert f"{product}:\n{cure}" in panel.text("handshake-time")
    assert "Skipped: no connection." in panel.text("load-balancing")
    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert saved["checks"][0].keys() == {"id", "title", "verdict", "figure", "meaning", "advice"}
    panel.page.take_console_errors()


def test_an_upgrade_without_a_response_is_distinguished_from_a_refused_one(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(latency_up=14)
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.open(proxy.url)
    assert panel.run("handshake-time") == "bad"
    assert "the upgrade gets no response at all" in panel.text("handshake-time")
    (opened,) = panel.page.run(
        "return sockets.filter(({ url }) => url.endsWith('inspect'))"
        ".map(({ readyState }) => readyState)"
    )
    assert opened in (2, 3)  # closing or closed
    panel.open()  # leave: the proxy still holds a connection of the panel Talk back
    panel.page.take_console_errors()


def test_a_stopped_server_is_not_a_websocket_problem(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    panel.open(server.url)
    server.stop()
    for check in ("handshake-time", "idle"):  # the second starts with plain HTTP
        assert panel.run(check) == "bad"
        assert "The server is not reachable at all" in panel.text(check)
    panel.page.take_console_errors()


def test_a_full_server_is_recognized(panel: Panel, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    panel.open(server.url)  # the Talk panel takes the only seat
    panel.page.wait_until(
        lambda: panel.page.run("return document.querySelector('#messages').textContent"), "a hello"
    )
    assert panel.run("handshake-time") == "bad"
    assert "The server is full: 1 of 1 connections are taken." in panel.text("handshake-time")
    panel.page.take_console_errors()


def test_a_refused_origin_is_distinguished_from_a_bad_proxy(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS="https://a.test, https://b.test")
    panel.open(server.url)
    assert panel.run("handshake-time") == "bad"
    text = panel.text("handshake-time")
    assert f"refuses WebSockets from pages at {server.url}." in text
    assert "It accepts only those from https://a.test, https://b.test." in text
    assert f"add {server.url} to FLASK_ECHO_ALLOWED_ORIGINS" in text
    panel.page.take_console_errors()
