"""The panel Learn, as its tests use it."""

from tests.support.browser import Page

EXAMPLE = "This is the example “Hello” of RFC 6455, section 5.7:"
SENT = "This is the first frame of that message, as the server saw it:"
CLIENTS = ("Browser", "Python", "curl")


def facts(page: Page, name: str) -> dict[str, str]:
    """A description list of the tour."""
    return dict(
        page.run(
            "return [...document.querySelectorAll(`#learn-${arguments[0]} > div`)].map((pair) =>"
            "  [...pair.children].map((part) => part.textContent))",
            name,
        )
    )


def note(page: Page) -> str:
    return page.text("#learn-frame-note")


def learn(page: Page) -> None:
    page.click("tab-learn")
    assert page.element("learn").is_displayed()


def wait_for_frame(page: Page) -> dict[str, str]:
    page.wait_until(lambda: note(page) == SENT, "the frame")
    return facts(page, "frame")


def current(page: Page) -> list[str]:
    """The marked terms."""
    return list(
        page.run("return [...document.querySelectorAll('.terms [aria-current]')].map((e) => e.id)")
    )
