"""The layout of the panel Talk, from a phone to a wide screen."""

import pytest

from tests.support.browser import Page
from tests.support.talk import GREETING, choose, rows, say, show_details

pytestmark = pytest.mark.slow

HEIGHTS = {390: 844, 768: 1024, 1280: 800, 1920: 1080}  # of a screen with each width


def show(page: Page, width: int) -> None:
    """Open the page on a screen of this width, and wait until it is connected."""
    page.emulate(width, HEIGHTS[width], "light")
    page.open()
    page.wait_for_lines(*GREETING)


def bottom(page: Page, *ids: str) -> float:
    """The lowest edge of these elements, in pixels from the top of the window."""
    edges: list[float] = page.run(
        "return arguments[0].map((id) =>"
        "  document.getElementById(id).getBoundingClientRect().bottom)",
        ids,
    )
    return max(edges)


@pytest.mark.parametrize(("width", "length"), [(390, 30), (768, 36), (1280, 36), (1920, 36)])
def test_the_list_has_room_for_a_sentence(page: Page, width: int, length: int) -> None:
    show(page, width)
    say(page, "x" * length)
    page.wait_until(lambda: len(rows(page)) == 5, "a reply")
    room, needed = page.run(
        "const cell = document.querySelector('#entries .sent .content');"
        "return [cell.clientWidth, cell.scrollWidth]"
    )
    assert needed <= room


def test_a_phone_shows_the_details_and_the_message_box_at_once(page: Page) -> None:
    show(page, 390)
    show_details(page)
    assert bottom(page, "message", "send") <= HEIGHTS[390]


def test_the_handshake_has_its_link_beside_its_heading_on_a_wide_screen(page: Page) -> None:
    show(page, 1920)
    heading, link, extensions = page.run(
        "return ['#opening h2', '#opening-more', '#opening-extensions'].map((selector) =>"
        "  document.querySelector(selector).getBoundingClientRect())"
    )
    assert link["top"] < heading["bottom"]
    text = page.text("#opening-extensions")
    assert extensions["height"] < 30 * len(text.split(" ")), "no word is broken"


@pytest.mark.parametrize("width", HEIGHTS)
def test_a_hidden_banner_leaves_no_gap(page: Page, width: int) -> None:
    show(page, width)
    above, below = page.run(
        "return ['connection', 'conversation'].map((id) =>"
        "  document.getElementById(id).getBoundingClientRect())"
    )
    assert 10 < below["top"] - above["bottom"] < 30


# The options


@pytest.mark.parametrize("width", HEIGHTS)
def test_no_row_of_the_options_is_half_empty(page: Page, width: int) -> None:
    show(page, width)
    choose(page, route="echo", behaviour="close")
    gaps = page.run(
        "return [...document.querySelectorAll('#options .fields')].flatMap((fields) => {"
        "  const edge = fields.getBoundingClientRect().right;"
        "  const ends = new Map();"  # the right end of each row, by its lower edge
        "  for (const field of fields.querySelectorAll('label')) {"
        "    const { width, bottom, right } = field.getBoundingClientRect();"
        "    if (width) ends.set(Math.round(bottom), right);"
        "  }"
        "  return [...ends.values()].map((right) => edge - right);"
        "})"
    )
    assert len(gaps) >= 3
    assert max(gaps) < 2


def test_the_switch_for_reconnecting_is_next_to_the_state(page: Page) -> None:
    show(page, 1280)
    state, switch, address = page.run(
        "return ['#state', '.reconnect', '#address'].map((selector) =>"
        "  document.querySelector(selector).getBoundingClientRect().left)"
    )
    assert state < switch < address


# Targets


def test_a_finger_can_hit_every_control_on_a_phone(page: Page) -> None:
    show(page, 390)
    choose(page, route="echo", behaviour="close")
    show_details(page)
    page.run("document.querySelector('#frames').open = true")
    frame = "document.querySelector('#frames-table button')"
    page.wait_until(lambda: page.run(f"return {frame} !== null"), "a frame")
    small = page.run(
        "const controls = ['button', 'summary', 'select', 'label:has([role=switch])',"
        "  'input:not([role=switch])', 'article > header > a', 'footer a'].join();"
        "return [...document.querySelectorAll(`#talk :is(${controls}), body > footer a`)]"
        "  .filter((control) => control.checkVisibility())"
        "  .map((control) => [control.textContent.trim() || control.id,"
        "    control.getBoundingClientRect().height])"
        "  .filter(([, height]) => height < 40)"
    )
    assert small == []


def test_the_copy_button_of_the_banner_is_as_high_as_the_others(page: Page) -> None:
    page.emulate(1280, 800, "light")
    page.open("/#talk?to=//127.0.0.1:1/")
    page.click("connect")
    copy = page.element("failure-copy")
    page.wait_until(copy.is_displayed, "the banner")
    assert copy.size["height"] < 36
    page.take_console_errors()
