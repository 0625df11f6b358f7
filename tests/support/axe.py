"""Accessibility checks of a page with axe-core."""

from typing import Any

from tests.support.browser import Page
from tests.support.servers import ROOT

SOURCE = ROOT / "tests/vendor/axe-core/axe.min.js"


def violations(page: Page) -> list[str]:
    """Check the page in its current state. Return a line for each element and rule it breaks.

    The page's Content-Security-Policy does not apply to scripts of the driver.
    """
    page.run(SOURCE.read_text())
    found = page.run_async("axe.run().then((results) => arguments[0](results.violations))")
    return [_line(rule, node) for rule in found for node in rule["nodes"]]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    place = " ".join(map(str, node["target"]))
    # The first line only says whether to fix any or all of the following.
    fixes = "; ".join(line.strip() for line in node["failureSummary"].splitlines()[1:])
    return f"{rule['id']} at {place}: {fixes}"
