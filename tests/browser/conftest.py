"""Fixtures for the tests of the page.

They import late: without Selenium these imports skip the module that makes them, which must not be
this one.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.browser import Page
    from tests.support.compare import Compare
    from tests.support.diagnose import Panel


@pytest.fixture
def talk(page: "Page") -> "Page":
    """The page, connected."""
    from tests.support.talk import GREETING

    page.open()
    page.wait_for_lines(*GREETING)
    return page


@pytest.fixture
def fake(page: "Page") -> "Page":
    """The page with a fake socket that is open."""
    from tests.support.talk import FAKE_SOCKETS, OPEN, SUPPORTED

    page.run_before_load(FAKE_SOCKETS)
    page.open()
    page.run("sockets[0].accept()")
    page.wait_for_lines(SUPPORTED, OPEN)
    return page


@pytest.fixture
def panel(page: "Page") -> "Panel":
    """The panel Diagnose, in a new tab that is not opened yet."""
    from tests.support.diagnose import CATCH_COPIES, Panel

    page.run_before_load(CATCH_COPIES)
    return Panel(page)


@pytest.fixture
def compare(page: "Page") -> "Iterator[Compare]":
    """The panel Compare, not opened yet. Nothing goes on in it after the test."""
    from tests.support.compare import Compare

    yield Compare(page)
    page.devtools("Page.navigate", url="about:blank")
