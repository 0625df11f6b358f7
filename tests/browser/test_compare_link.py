"""The link of the panel Compare, and its layout."""

import pytest

from tests.support.browser import Page
from tests.support.compare import WAYS, Compare

pytestmark = pytest.mark.slow

FIRST = {"mean": "2", "interval": "1", "seconds": "60", "ways": list(WAYS)}


def open_link(page: Page, link: str) -> None:
    page.open(f"/{link}")
    page.wait_until(page.element("compare").is_displayed, "the panel Compare")


def form(page: Page) -> dict[str, object]:
    """The settings in the form."""
    values = page.run(
        "return ['mean', 'interval', 'seconds'].map((name) =>"
        "  document.querySelector(`#compare-${name}`).value)"
    )
    ways = page.run(
        "return [...document.querySelectorAll('#compare [name=way]:checked')]"
        ".map(({ value }) => value)"
    )
    return {**dict(zip(("mean", "interval", "seconds"), values, strict=True)), "ways": ways}


def link(page: Page) -> str:
    return str(page.run("return location.hash"))


def test_a_link_fills_in_the_form_and_starts_nothing(page: Page) -> None:
    open_link(page, "#compare?mean=10&poll=0.5&seconds=180&ways=polling,websocket")
    assert form(page) == {
        "mean": "10",
        "interval": "0.5",
        "seconds": "180",
        "ways": ["polling", "websocket"],
    }
    assert page.text("#compare-link-error") == ""
    assert page.text("#compare-status") == "No comparison yet"
    assert link(page) == "#compare?mean=10&poll=0.5&seconds=180&ways=polling,websocket"


def test_an_option_that_a_link_leaves_out_gets_its_first_value(page: Page) -> None:
    open_link(page, "#compare?mean=10&ways=sse")
    page.run("location.hash = '#compare?poll=3'")
    page.wait_until(lambda: form(page) == {**FIRST, "interval": "3"}, "the new form")


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("mean=0", "0.05 to 3600 (seconds)"),
        ("mean=often", "0.05 to 3600 (seconds)"),
        ("mean=", "0.05 to 3600 (seconds)"),
        ("poll=61", "0.1 to 60 (seconds)"),
        ("seconds=45", "one of 30, 60, 180, 600 (seconds)"),
        ("ways=polling,pigeon", "one or more of polling,conditional,long,sse,websocket"),
        ("ways=", "one or more of polling,conditional,long,sse,websocket"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_and_ignored(
    page: Page, option: str, allowed: str
) -> None:
    open_link(page, f"#compare?{option}")
    expected = f"{option} in the link is not allowed: use {allowed}."
    assert page.text("#compare-link-error") == expected
    assert form(page) == FIRST


def test_an_unknown_option_is_named_and_others_count(page: Page) -> None:
    open_link(page, "#compare?interval=3&mean=4")
    assert page.text("#compare-link-error") == (
        "“interval” is not an option of this link: use mean, poll, seconds, ways."
    )
    assert form(page) == {**FIRST, "mean": "4"}


def test_the_link_follows_the_form(page: Page) -> None:
    open_link(page, "#compare")
    page.element("compare-mean").send_keys("5")  # before the 2
    assert link(page) == "#compare?mean=52"
    page.run(
        "const seconds = document.querySelector('#compare-seconds');"
        "seconds.value = 30; seconds.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    assert link(page) == "#compare?mean=52&seconds=30"
    page.run("document.querySelector('#compare [value=long]').click()")
    ways = "polling,conditional,sse,websocket"
    assert link(page) == f"#compare?mean=52&seconds=30&ways={ways}"
    page.click("compare-article")
    assert link(page) == f"#compare?mean=10&seconds=180&ways={ways}"


def test_the_link_leaves_out_an_invalid_value(page: Page) -> None:
    open_link(page, "#compare?poll=3")
    page.element("compare-mean").send_keys("-5")
    assert link(page) == "#compare?poll=3"


def test_a_visit_to_another_panel_keeps_the_form(page: Page) -> None:
    open_link(page, "#compare?mean=7")
    page.click("tab-diagnose")
    page.click("tab-compare")
    assert form(page) == {**FIRST, "mean": "7"}
    assert link(page) == "#compare?mean=7"


def test_a_link_to_other_settings_waits_for_the_end_of_a_run(compare: Compare) -> None:
    compare.open()
    compare.start("websocket")
    before = form(compare.page)
    compare.page.run("location.hash = '#compare?mean=9'")
    compare.page.wait_until(
        lambda: "A comparison is running." in compare.page.text("#compare-link-error"), "the notice"
    )
    assert form(compare.page) == before
    compare.stop()


def test_there_is_a_text_before_the_first_run(compare: Compare) -> None:
    compare.open()
    assert compare.page.text("#compare-empty").startswith("No results yet. Press Start")
    compare.start("websocket")
    assert not compare.page.element("compare-empty").is_displayed()
    compare.stop()


@pytest.mark.parametrize(("width", "columns"), [(390, 1), (768, 2), (1280, 3), (1920, 3)])
def test_charts_use_the_width_and_are_drawn_anew_at_another(
    compare: Compare, width: int, columns: int
) -> None:
    compare.page.emulate(1280 if width == 390 else 390, 800, "light")
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(1, "websocket")
    compare.stop()
    compare.page.emulate(width, 800, "light")  # as if a phone is rotated

    def charts() -> list[list[float]]:
        """Left edge and width of each chart, and the width of its drawing."""
        return list(
            compare.page.run(
                "return [...document.querySelectorAll('#compare figure')].map((figure) => ["
                "  figure.getBoundingClientRect().left, figure.clientWidth,"
                "  figure.querySelector('.uplot').clientWidth])"
            )
        )

    compare.page.wait_until(
        lambda: all(outer == drawn for _, outer, drawn in charts()), "drawings as wide as charts"
    )
    assert len({left for left, _, _ in charts()}) == columns
    assert compare.page.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scrolls"), [(390, True), (1280, False)])
def test_a_table_that_scrolls_says_so(compare: Compare, width: int, scrolls: bool) -> None:
    compare.page.emulate(width, 800, "light")
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(1, "websocket")
    compare.stop()
    region = "document.querySelector('#compare .table')"
    state = f"return [{region}.dataset.scrolls, {region}.dataset.more]"
    shown = "return document.querySelector('#compare .hint').checkVisibility()"
    expected = str(scrolls).lower()
    compare.page.wait_until(
        lambda: compare.page.run(state) == [expected, expected], f"the state {scrolls}"
    )
    assert compare.page.run(shown) == scrolls
    compare.page.run(f"{region}.scrollLeft = 10_000")
    compare.page.wait_until(lambda: compare.page.run(state) == [expected, "false"], "the end")


def test_controls_are_large_enough_for_a_finger(page: Page) -> None:
    page.emulate(390, 844, "light")
    open_link(page, "#compare")
    heights = page.run(
        "return [...document.querySelectorAll('#compare :is(button, select, .settings input,"
        " .ways label)')].map((control) => control.getBoundingClientRect().height)"
    )
    assert len(heights) == 14
    assert min(heights) >= 40
