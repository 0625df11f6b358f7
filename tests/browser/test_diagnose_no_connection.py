"""Explanations of the panel Diagnose if there is no connection at all."""

import pytest

from flask_echo.diagnosis.cures import cures_for
from tests.support.browser import KEEP_SOCKETS
from tests.support.clients import raw
from tests.support.diagnose import CHECKS, Panel
from tests.support.proxy import HOP_BY_HOP, Faults, Proxy
from tests.support.servers import StartServer

pytestmark = pytest.mark.slow


def test_without_a_connection_the_cause_is_named_and_the_rest_skipped(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(request=HOP_BY_HOP)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts == {"connection": "bad", **dict.fromkeys(CHECKS[1:], "not run")}
    assert not panel.page.element("check-load-balancing").is_displayed()
    assert "A proxy passes the request on without Upgrade or Connection" in panel.text("connection")
    assert panel.cures("connection") == cures_for("upgrade-not-passed-on", "")
    assert panel.sentence == "A proxy blocks WebSockets"
    assert panel.found == "connection"
    skipped = panel.page.text("#diagnose-skipped summary")
    assert skipped == "Skipped: no connection (12 checks)"
    assert "Skipped: no connection." in panel.text("load-balancing")
    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert saved["verdict"] == "A proxy blocks WebSockets"
    first = saved["checks"][0]
    assert (first["id"], first["fault"]) == ("connection", "upgrade-not-passed-on")
    assert first["data"]["evidence"]["trace"]["attempts"][0]["outcome"] == "refused"
    panel.page.take_console_errors()


@pytest.mark.slow
def test_an_upgrade_without_a_response_is_distinguished_from_a_refused_one(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(latency_up=14)
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.open(proxy.url)
    assert panel.run("connection") == "bad"
    assert "holds upgrades, and lets other requests through" in panel.text("connection")
    assert panel.sentence == "Something on the path blocks WebSockets"
    states = panel.page.run(
        "return sockets.filter(({ url }) => url.includes('/echo?trace'))"
        ".map(({ readyState }) => readyState)"
    )
    assert len(states) >= 2  # It was tried twice.
    panel.open()  # leave: the proxy still holds a connection of the panel Talk back
    panel.page.take_console_errors()


def test_a_stopped_server_is_not_a_websocket_problem(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    panel.open(server.url)
    server.stop()
    for check in ("connection", "round-trip"):
        assert panel.run(check) == "bad"
        assert "The server is not reachable at all" in panel.text(check)
        assert panel.sentence == "The server is not reachable"
    panel.page.take_console_errors()


def test_a_full_server_is_recognized(panel: Panel, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    panel.open(server.url)
    with raw(server, "/echo"):
        assert panel.run("connection") == "bad"
    assert "This server is full." in panel.text("connection")
    assert panel.sentence == "The server takes no more WebSockets for now"
    panel.page.take_console_errors()


def test_a_refused_origin_is_distinguished_from_a_bad_proxy(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS="https://a.test, https://b.test")
    panel.open(server.url)
    assert panel.run("connection") == "bad"
    assert panel.sentence == "The server refuses WebSockets"
    text = panel.text("connection")
    assert f"does not allow WebSockets from pages at {server.url}." in text
    assert "add this origin to FLASK_ECHO_ALLOWED_ORIGINS" in text
    panel.page.take_console_errors()
