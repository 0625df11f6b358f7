"""No panel breaks a rule of axe-core, in any of the ways it is shown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.axe import violations
from tests.browser import Page, launch, new_tab
from tests.servers import Server

if TYPE_CHECKING:  # without Selenium these tests are skipped
    from selenium.webdriver import Chrome

PANELS = ("talk", "handshake", "diagnose")


@pytest.fixture(scope="module")
def driver() -> Iterator["Chrome"]:
    with launch() as driver:
        yield driver


@pytest.fixture
def page(driver: "Chrome", server: Server) -> Iterator[Page]:
    with new_tab(driver, server.url) as page:
        yield page


def show(page: Page, panel: str) -> None:
    page.open(f"/#{panel}")
    page.wait_until(lambda: page.element(panel).is_displayed(), f"the panel {panel}")
    page.wait_until(lambda: page.run("return document.readyState") == "complete", "the page")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_accessible(page: Page, panel: str, scheme: str, width: int) -> None:
    page.emulate(width, 800, scheme)
    show(page, panel)
    assert violations(page) == []


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_no_wider_than_a_phone(page: Page, panel: str) -> None:
    page.emulate(390, 800, "light")
    show(page, panel)
    assert page.run("return document.documentElement.scrollWidth") <= 390


def test_a_lost_label_is_noticed(page: Page) -> None:
    show(page, "talk")
    page.run("document.querySelector('label[for=message]').remove()")
    assert [line.split(":")[0] for line in violations(page)] == ["label at #message"]
