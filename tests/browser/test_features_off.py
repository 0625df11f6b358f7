"""The page of a server that has turned off fault simulation, or /inspect."""

import pytest

from tests.support.browser import Page
from tests.support.diagnose import CHECKS, SECONDS, UNDONE, Panel, acceptable
from tests.support.nginx import FORGETFUL, nginx
from tests.support.servers import StartServer
from tests.support.talk import choose, next_path
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NEED_INSPECT = {"handshake-time", "integrity", "message-size", "throughput", "load-balancing"}
NEED_FAULTS = {"buffering", "close-codes", "idle"}
NEED_TRACES = {"path", "host", "origin"}


def offered(panel: Panel) -> list[str]:
    """The checks that the panel shows."""
    panel.page.run("document.querySelector('#diagnose-list').open = true")
    found = panel.page.run(
        "return [...document.querySelectorAll('#diagnose .check')]"
        ".filter((row) => row.checkVisibility()).map((row) => row.id.slice('check-'.length))"
    )
    return list(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "absent", "sentence"),
    [
        (
            {"REHEARSALS": "false"},
            NEED_FAULTS,
            "this server has turned off fault simulation (3 checks):"
            " Buffering, Close codes, Idle time-out",
        ),
        (
            {"INSPECT": "false"},
            NEED_INSPECT,
            "this server has turned off /inspect (5 checks): Handshake time, Data integrity,"
            " Message size, Throughput, Load balancing",
        ),
        (
            {"TRACES": "off"},
            NEED_TRACES,
            "this server has turned off traces (3 checks): Path, Host, Origin",
        ),
        (
            {"INSPECT": "false", "REHEARSALS": "false", "TRACES": "off", "EVENTS": "false"},
            NEED_INSPECT | NEED_FAULTS | NEED_TRACES,
            "this server has turned off traces, /inspect, and fault simulation (11 checks)",
        ),
    ],
    ids=["faults", "inspect", "traces", "all"],
)
def test_diagnose_offers_the_possible_checks_and_names_the_others(
    panel: Panel, start_server: StartServer, settings: dict[str, str], absent: set[str],
    sentence: str,
) -> None:  # fmt: skip
    panel.open(start_server("gunicorn", **settings).url)
    possible = [check for check in CHECKS if check not in absent]
    assert offered(panel) == [*possible, *({"idle"} - absent)]
    fold = "#diagnose-missing"
    panel.page.run(f"document.querySelector('{fold}').open = true")
    told = f"{panel.page.text(f'{fold} summary')}: {panel.page.text(f'{fold} p')}"
    assert f"Left out: {sentence}" in told
    shown = "Is an idle connection cut?" in panel.page.text("#diagnose")
    assert shown == ("idle" not in absent)
    panel.page.click("diagnose-run")
    wait_until(lambda: all(panel.part(c, "verdict") not in UNDONE for c in possible), SECONDS)
    verdicts = {check: panel.part(check, "verdict") for check in possible}
    assert not set(possible) - acceptable(verdicts), verdicts
    panel.wait_for_end()
    assert panel.sentence.startswith("WebSockets work")


@pytest.mark.slow
def test_without_events_every_check_is_possible(panel: Panel, start_server: StartServer) -> None:
    panel.open(start_server("gunicorn", EVENTS="false").url)
    assert offered(panel) == [*CHECKS, "idle"]
    verdicts = panel.run_all()
    assert not set(CHECKS) - acceptable(verdicts), verdicts


@pytest.mark.parametrize("settings", [{}, {"REHEARSALS": "false", "INSPECT": "false"}])
def test_without_traces_a_blocked_connection_accuses_nobody_wrongly(
    panel: Panel, start_server: StartServer, settings: dict[str, str]
) -> None:
    server = start_server("gunicorn", TRACES="off", **settings)
    with nginx(server.port, FORGETFUL) as port:
        panel.open(f"http://127.0.0.1:{port}")
        panel.page.click("diagnose-run")
        panel.wait_for_end()
        assert panel.part("connection", "verdict") == "unknown"
        assert panel.sentence == "It is unknown why WebSockets do not work here"
        assert panel.found == "connection"
        assert "turned them off" in panel.text("connection")
        panel.page.leave()
    panel.page.take_console_errors()


def test_where_all_is_on_diagnose_offers_every_check(panel: Panel) -> None:
    panel.open()
    assert offered(panel) == [*CHECKS, "idle"]
    assert not panel.page.element("diagnose-missing").is_displayed()


def test_without_inspect_the_page_has_no_panel_for_it(
    page: Page, start_server: StartServer
) -> None:
    server = start_server("gunicorn", INSPECT="false")
    page.open("/#handshake", url=server.url)
    page.wait_for_state("open")
    assert page.run("return document.querySelectorAll('#handshake, #tab-handshake').length") == 0
    assert page.element("talk").is_displayed()
    assert "inspect" not in page.text("body").lower()


@pytest.mark.parametrize(
    "settings", [{}, {"INSPECT": "false", "EVENTS": "false", "REHEARSALS": "false"}]
)
def test_no_link_of_the_page_leads_to_a_missing_panel(
    page: Page, start_server: StartServer, settings: dict[str, str]
) -> None:
    page.open("/#learn", url=start_server("gunicorn", **settings).url)
    assert page.element("learn").is_displayed()
    linked, panels = page.run(
        "const linked = [...document.querySelectorAll('a[href^=\"#\"]')]"
        "  .map((link) => link.hash.slice(1).split('?')[0]);"
        "return [linked, [...document.querySelectorAll('main > section')].map(({ id }) => id)]"
    )
    assert set(linked) == set(panels)
    page.leave()


def test_without_fault_simulation_talk_has_no_options_for_it(
    page: Page, start_server: StartServer
) -> None:
    server = start_server("gunicorn", REHEARSALS="false")
    page.open(url=server.url)
    page.wait_for_state("open")
    choose(page, route="echo", delay="1", behaviour="mute")
    assert next_path(page) == "/echo"
    assert not page.element("faults").is_displayed()
    assert not page.element("faults-hint").is_displayed()
    assert "simulate" not in page.text("#options").lower()
    page.click("apply")
    page.wait_until(lambda: page.lines[-1] == "### connection open", "the other connection")


def test_without_fault_simulation_the_handshake_is_shown_without_a_subprotocol(
    page: Page, start_server: StartServer
) -> None:
    server = start_server("gunicorn", REHEARSALS="false")
    page.open("/#handshake", url=server.url)
    page.wait_until(lambda: "Connected in" in page.text("#handshake-state"), "the report")
    assert not page.element("handshake-protocol").is_displayed()
