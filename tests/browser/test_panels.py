"""The tabs, and the panel Talk with everything unfolded."""

import pytest

from tests.support.browser import Page
from tests.support.servers import StartServer
from tests.support.talk import GREETING, choose, say, show_details

pytestmark = pytest.mark.slow


def shown(page: Page) -> list[str]:
    return list(
        page.run(
            "return [...document.querySelectorAll('main > section')]"
            ".filter((panel) => !panel.hidden).map((panel) => panel.id)"
        )
    )


@pytest.mark.parametrize(
    ("path", "panel"),
    [("/", "talk"), ("/#talk", "talk"), ("/#handshake", "handshake"), ("/#nowhere", "talk")],
)
def test_the_address_picks_a_panel(page: Page, path: str, panel: str) -> None:
    page.open(path)
    assert shown(page) == [panel]
    assert page.run("return scrollY") == 0


def test_a_link_to_an_unknown_panel_says_so(page: Page) -> None:
    page.open("/#nowhere?mean=1")
    assert (
        page.text("#panels-notice") == "This page has no panel “nowhere”, so the link opens Talk."
    )
    page.click("tab-diagnose")
    assert page.text("#panels-notice") == ""


@pytest.mark.parametrize(
    ("setting", "panel", "name"),
    [("INSPECT", "handshake", "Handshake"), ("EVENTS", "compare", "Compare")],
)
def test_a_link_to_a_panel_that_is_turned_off_says_so(
    page: Page, start_server: StartServer, setting: str, panel: str, name: str
) -> None:
    server = start_server("gunicorn", **{setting: "false"})
    page.open(f"/#{panel}?mean=1", url=server.url)
    page.wait_for_state("open")
    assert shown(page) == ["talk"]
    assert page.text("#panels-notice") == (
        f"This server has turned off the panel {name}, so the link opens Talk."
    )
    page.leave()


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        # Talk has completed these two.
        ("#talk?delay=1", "to=%2Fecho&delay=1"),
        ("#?delay=1", "to=%2Fecho&delay=1"),
        ("#nowhere?mean=1", ""),
    ],
)
def test_a_panel_gets_no_options_of_a_missing_one(page: Page, link: str, expected: str) -> None:
    page.open(f"/{link}")
    query = page.run_async(
        "const panels = [...document.querySelectorAll('main > section')];"
        "import(new URL('static/js/panels.js', location)).then(({ startPanels }) =>"
        "  startPanels(panels, { talk: (query) => arguments[0](String(query)) }))"
    )
    assert query == expected


@pytest.mark.parametrize("path", ["/", "/#talk", "/#handshake"])
def test_a_good_link_has_no_notice(page: Page, path: str) -> None:
    page.open(path)
    assert page.text("#panels-notice") == ""


def test_choosing_a_panel_keeps_the_scroll_position_and_the_focus(talk: Page) -> None:
    for panel in ("handshake", "talk", "learn", "diagnose", "talk"):
        talk.click(f"tab-{panel}")
        assert shown(talk) == [panel]
        assert talk.focus == f"tab-{panel}"
        assert talk.run("return scrollY") == 0
    assert talk.lines == list(GREETING)
    assert talk.state == "open"


def test_back_and_forward_switch_panels(talk: Page) -> None:
    talk.click("tab-handshake")
    talk.click("tab-diagnose")
    talk.back()
    talk.wait_until(lambda: shown(talk) == ["handshake"], "the panel before")
    talk.back()
    talk.wait_until(lambda: shown(talk) == ["talk"], "the first panel")
    talk.run("history.forward()")
    talk.wait_until(lambda: shown(talk) == ["handshake"], "the panel after")
    assert len(talk.lines) == 3


def test_the_log_follows_its_end_during_a_visit_to_another_panel(fake: Page) -> None:
    fill = "for (let i = 0; i < 100; i++) sockets[0].receive(String(i))"
    fake.run(fill)
    fake.click("tab-handshake")
    fake.run(fill)
    fake.click("tab-talk")
    at_end = (
        "const { scrollHeight, scrollTop, clientHeight } = document.getElementById(arguments[0]);"
        "return scrollHeight > clientHeight && scrollHeight - scrollTop - clientHeight < 2;"
    )
    fake.wait_until(lambda: fake.run(at_end, "messages"), "the end of the log")
    show_details(fake)
    fake.wait_until(lambda: fake.run(at_end, "entries-scroller"), "the end of the list")


def test_the_log_keeps_its_scroll_position_during_a_visit_to_another_panel(fake: Page) -> None:
    fake.run("for (let i = 0; i < 100; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: len(fake.lines) == 102, "the messages")
    top = "return document.getElementById('messages').scrollTop"
    # The page notices it by an event, which comes with the next frame.
    fake.run_async(
        "const [done] = arguments; const log = document.getElementById('messages');"
        "log.addEventListener('scroll', () => done(), { once: true }); log.scrollTop = 500;"
    )
    fake.click("tab-handshake")
    fake.run("for (let i = 0; i < 100; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: len(fake.lines) == 202, "more messages")
    fake.click("tab-talk")
    assert fake.run(top) == 500


@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_the_unfolded_panel_talk_never_scrolls_sideways(page: Page, width: int) -> None:
    page.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=844, deviceScaleFactor=1, mobile=width < 500,
    )  # fmt: skip
    page.open()
    page.wait_for_lines(*GREETING)
    choose(page, route="echo", behaviour="close", reason="x" * 100)
    say(page, "x" * 500)
    page.wait_until(lambda: page.element("times").is_displayed(), "a round trip")
    show_details(page)
    page.run("document.querySelector('#entries > :last-child').click()")
    scroll, client, inner = page.run(
        "const { scrollWidth, clientWidth } = document.documentElement;"
        "return [scrollWidth, clientWidth, innerWidth]"
    )
    assert scroll <= client
    assert inner == width
