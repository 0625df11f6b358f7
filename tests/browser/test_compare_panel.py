"""The panel Compare: five ways to follow the same events, side by side."""

import json
import sys
from contextlib import ExitStack

import pytest

from tests.support.browser import Page
from tests.support.clients import raw
from tests.support.compare import WAYS, Compare
from tests.support.diagnose import CATCH_COPIES
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

NONE = "\u2013"  # in place of a figure that is missing
IS_HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => true });"


def start_again(start_server: StartServer, port: int) -> Server:
    words = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"]
    return start_server("gunicorn", words=words, port=port)


def figure(text: str) -> int:
    return int(text.replace(",", ""))


def test_all_ways_deliver_the_same_events_with_their_cost(compare: Compare) -> None:
    compare.open()
    compare.start()
    compare.wait_for_events(25)
    compare.stop()
    assert "Lost events: 0. Repeated events: 0." in compare.page.text("#compare-clock")
    for way, figures in compare.figures().items():
        for column in ("Bytes from the server", "Bytes to the server", "Bytes per event"):
            assert figure(figures[column]) > 0, (way, column)
        assert float(figures["CPU per event"].removesuffix(" ms")) > 0, way
        assert figures["Delay, p95"] != NONE, way
        assert figures["Failures"] == "0", way
    assert "of the polls found nothing" in compare.page.text("#compare-conclusion")
    assert compare.page.text("#compare-remarks") == ""


def test_a_websocket_takes_fewest_bytes_and_an_answer_304_fewer_than_a_whole_one(
    compare: Compare,
) -> None:
    compare.open()
    compare.start("polling", "conditional", "websocket", mean=0.5)
    compare.wait_for_events(5, "polling", "conditional", "websocket")
    compare.stop()
    figures = compare.figures()
    each = {way: figure(figures[way]["Bytes per event"]) for way in figures}
    assert each["websocket"] < min(each["polling"], each["conditional"])
    # The two may have seen another number of events when the run ended, so requests are compared.
    answer = {
        way: figure(figures[way]["Bytes from the server"]) / figure(figures[way]["Requests"])
        for way in ("polling", "conditional")
    }
    assert answer["conditional"] < answer["polling"]


@pytest.mark.slow
def test_nothing_is_lost_while_the_server_is_away(
    compare: Compare, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    compare.open(server.url)
    compare.start()
    compare.wait_for_events(5)
    server.stop()
    before = max(compare.events(way) for way in WAYS)
    start_again(start_server, server.port)
    compare.wait_for_events(before + 5)
    compare.stop()
    assert "Lost events: 0. Repeated events: 0." in compare.page.text("#compare-clock")
    assert compare.page.take_console_errors()


def test_an_event_stream_is_opened_again_after_a_full_house(
    compare: Compare, start_server: StartServer
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    compare.open(server.url)
    with ExitStack() as seat:
        seat.enter_context(raw(server, "/echo"))
        compare.start("sse")
        wait_until(lambda: compare.figures().get("sse", {}).get("Failures", "0") != "0")
    compare.wait_for_events(3, "sse")
    compare.stop()
    assert "Lost events: 0. Repeated events: 0." in compare.page.text("#compare-clock")
    assert all("503" in error for error in compare.page.take_console_errors())


def test_a_second_run_begins_anew(compare: Compare) -> None:
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(10, "websocket")
    compare.stop()
    compare.start("websocket", mean=3600)
    compare.page.wait_until(lambda: compare.events("websocket") == 0, "a new run")
    assert "Too few events" in compare.page.text("#compare-conclusion")
    compare.stop()


def test_a_run_needs_a_way(compare: Compare) -> None:
    compare.open()
    compare.page.run(
        "document.querySelectorAll('#compare [name=way]').forEach((box) => box.checked = false)"
    )
    compare.page.click("compare-start")
    assert compare.page.text("#compare-error") == "Choose at least one way."
    assert compare.page.is_enabled("compare-start")


def test_the_case_of_the_article_is_one_press_away(compare: Compare) -> None:
    compare.open()
    compare.page.click("compare-article")
    values = compare.page.run(
        "return ['mean', 'interval'].map((name) =>"
        "  document.querySelector(`#compare-${name}`).value)"
    )
    assert values == ["10", "1"]


def test_a_server_that_is_gone_is_named(compare: Compare, start_server: StartServer) -> None:
    server = start_server("gunicorn")
    compare.open(server.url)
    server.stop()
    compare.start()
    compare.page.wait_until(
        lambda: "The comparison could not begin" in compare.page.text("#compare-error"), "the error"
    )
    assert compare.page.is_enabled("compare-start")
    compare.page.take_console_errors()


def test_a_run_in_a_hidden_tab_is_marked(compare: Compare) -> None:
    compare.page.run_before_load(IS_HIDDEN)
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(0, "websocket")
    compare.stop()
    assert "The tab was hidden" in compare.page.text("#compare-remarks")


def test_another_tab_that_compares_is_named(compare: Compare) -> None:
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(0, "websocket")
    compare.page.run("new BroadcastChannel('flask-echo compare').postMessage('started')")
    compare.page.wait_until(
        lambda: "Another tab" in compare.page.text("#compare-remarks"), "the remark"
    )
    compare.stop()


def test_a_server_that_cannot_count_is_named(start_server: StartServer, compare: Compare) -> None:
    # The page ends before the server, which would cut the connection of Talk.
    compare.open(start_server("flask").url)
    compare.start()
    compare.wait_for_events(3)
    compare.stop()
    assert "cannot count" in compare.page.text("#compare-remarks")
    for figures in compare.figures().values():
        assert figures["Bytes from the server"] == figures["CPU per event"] == NONE


def test_a_run_can_be_saved(compare: Compare) -> None:
    compare.page.run_before_load(CATCH_COPIES)
    compare.open()
    assert not compare.page.is_enabled("compare-save-json")
    compare.start("polling", "websocket")
    compare.wait_for_events(12, "polling", "websocket")
    compare.stop()
    saved = json.loads(compare.saved("json"))
    shown = compare.figures()
    for figures in saved["figures"]:
        cells = shown[figures["id"]]
        assert int(cells["Events"]) == figures["events"] == len(saved["events"][figures["id"]])
        assert int(cells["Bytes from the server"].replace(",", "")) == figures["sentBytes"]
    names, *lines = compare.saved("csv").split("\r\n")[:-1]
    assert [line.split(",")[0] for line in lines] == ["polling", "websocket"]
    assert {len(line.split(",")) for line in lines} == {len(names.split(","))}


def test_a_run_can_be_copied(compare: Compare) -> None:
    compare.page.run_before_load(CATCH_COPIES)
    compare.open()
    compare.start("polling", "websocket")
    compare.wait_for_events(12, "polling", "websocket")
    compare.stop()
    compare.page.click("compare-copy")
    compare.page.wait_until(lambda: compare.page.text("#compare-copied") == "Copied.", "the copy")
    text = str(compare.page.run("return copied"))
    assert compare.page.text("#compare-conclusion") in text
    assert "| 100,000 clients |" in text


def test_without_events_there_is_no_panel(page: Page, start_server: StartServer) -> None:
    page.open("/", url=start_server("gunicorn", EVENTS="false").url)
    assert page.run("return document.querySelector('#compare, #tab-compare')") is None
