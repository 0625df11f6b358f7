"""The glossary of the panel Learn, and the layout of the whole panel."""

import pytest

from tests.support.axe import violations
from tests.support.browser import Page
from tests.support.keys import ENTER
from tests.support.learn import CLIENTS, current, wait_for_frame
from tests.support.talk import choose, say

pytestmark = pytest.mark.slow

TERMS = "return [...document.querySelectorAll('.term')]"


def is_in_view(page: Page, element_id: str) -> bool:
    return bool(
        page.run(
            "const { top, bottom } ="
            "  document.getElementById(arguments[0]).getBoundingClientRect();"
            "return top >= 0 && bottom <= innerHeight",
            element_id,
        )
    )


def test_every_link_to_a_term_leads_to_one(page: Page) -> None:
    page.open("/#learn")
    links = page.run(f"{TERMS}.map((link) => link.getAttribute('href'))")
    assert len(links) > 20
    for link in sorted(set(links)):
        page.run("location.hash = arguments[0]", link)
        term = f"term-{link.removeprefix('#learn?term=')}"
        page.wait_until(lambda: current(page) == [term], link)  # noqa: B023
        assert page.text("#learn-link-error") == ""


def test_no_link_to_a_term_is_where_a_click_means_something_else(page: Page) -> None:
    page.open("/#learn")
    places = "label, summary, option, legend, button, [role=log], [role=option]"
    assert page.run(f"{TERMS}.filter((link) => link.closest(arguments[0])).length", places) == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_shows_its_term(page: Page, width: int) -> None:
    page.emulate(width, 844, "light")
    page.open("/#learn?term=mask")
    assert current(page) == ["term-mask"]
    assert page.focus == "term-mask"
    page.wait_until(lambda: is_in_view(page, "term-mask"), "the term in view")


def test_a_term_in_talk_leads_to_the_glossary_and_back(talk: Page) -> None:
    talk.run("document.querySelector('#no-times .term').focus()")
    talk.press(ENTER)
    talk.wait_until(lambda: talk.focus == "term-round-trip", "the term")
    assert is_in_view(talk, "term-round-trip")
    talk.back()
    talk.wait_until(lambda: talk.element("talk").is_displayed(), "Talk")
    assert talk.state == "open"


def test_a_second_click_on_a_link_shows_its_term_again(page: Page) -> None:
    page.open("/#learn")
    for _ in range(2):
        page.run("window.scrollTo(0, 0)")
        link = "document.querySelector('.steps [href=\"#learn?term=mask\"]')"
        page.run(f"{link}.focus(); {link}.click()")
        page.wait_until(lambda: page.focus == "term-mask", "the focus")
        assert is_in_view(page, "term-mask")
    page.run("location.hash = '#learn'")
    page.wait_until(lambda: current(page) == [], "no marked term")


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (
            "#learn?term=nonsense",
            "term=nonsense in the link is not allowed: use a term of the glossary.",
        ),
        ("#learn?term=", "term= in the link is not allowed: use a term of the glossary."),
        ("#learn?other=1", "“other” is not an option of this link: use term."),
    ],
)
def test_a_link_to_an_unknown_term_says_so(page: Page, link: str, sentence: str) -> None:
    page.open(f"/{link}")
    assert page.text("#learn-link-error") == sentence
    assert current(page) == []
    assert is_in_view(page, "learn-link-error")
    page.run("location.hash = '#learn?term=frame'")
    page.wait_until(lambda: current(page) == ["term-frame"], "the term")
    assert page.text("#learn-link-error") == ""


# The layout


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_nothing_is_wider_than_the_screen(talk: Page, width: int) -> None:
    talk.emulate(width, 844, "light")
    say(talk, "x" * 500)
    choose(talk, to=f"ws://127.0.0.1:9/{'x' * 300}")
    talk.run("location.hash = `#learn?term=${'x'.repeat(200)}`")
    talk.wait_until(lambda: talk.text("#learn-link-error") != "", "the error")
    assert "x" * 80 in talk.text("#learn-messages")
    for tab in range(len(CLIENTS)):
        talk.run("document.querySelectorAll('#learn-code [role=tab]')[arguments[0]].click()", tab)
        assert talk.run("return document.documentElement.scrollWidth") <= width


def test_all_tabs_are_in_one_row_on_a_phone(page: Page) -> None:
    page.emulate(390, 844, "light")
    page.open("/#learn")
    tops, bottoms, right = page.run(
        "const all = [...document.querySelectorAll('body > header nav a')]"
        "  .map((tab) => tab.getBoundingClientRect());"
        "const set = (side) => [...new Set(all.map((box) => Math.round(box[side])))];"
        "return [set('top'), set('bottom'), all.at(-1).right]"
    )
    assert len(tops) == len(bottoms) == 1
    assert bottoms[0] - tops[0] >= 40
    assert right <= 390 - 16  # the padding of the page


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_marked_term_and_a_frame_are_accessible(talk: Page, scheme: str, width: int) -> None:
    talk.emulate(width, 844, scheme)
    say(talk, "hello")
    talk.run("location.hash = '#learn?term=mask'")
    talk.wait_until(lambda: current(talk) == ["term-mask"], "the term")
    wait_for_frame(talk)
    for tab in range(len(CLIENTS)):
        talk.run("document.querySelectorAll('#learn-code [role=tab]')[arguments[0]].click()", tab)
        assert violations(talk) == []


def test_a_wrong_link_and_a_wrong_address_are_accessible(talk: Page) -> None:
    choose(talk, to="nonsense")
    talk.run("location.hash = '#learn?term=nonsense'")
    talk.wait_until(lambda: talk.text("#learn-link-error") != "", "the error")
    assert violations(talk) == []
