"""The layout of the panel Talk, from a phone to a wide screen."""

import pytest

from tests.support.browser import Page
from tests.support.talk import GREETING, rows, say, show_details

HEIGHTS = {390: 844, 768: 1024, 1280: 800, 1920: 1080}  # of a screen with each width


def show(page: Page, width: int) -> None:
    """Open the page on a screen of this width, and wait until it is connected."""
    page.emulate(width, HEIGHTS[width], "light")
    page.open()
    page.wait_for_lines(*GREETING)


def bottom(page: Page, *ids: str) -> float:
    """The lowest edge of these elements, in pixels from the top of the window."""
    return max(
        page.run(
            "return arguments[0].map((id) =>"
            "  document.getElementById(id).getBoundingClientRect().bottom)",
            ids,
        )
    )


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
