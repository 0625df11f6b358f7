"""What axe-core finds wrong with the accessibility of a page."""

from typing import Any

from tests.support.browser import Page
from tests.support.servers import ROOT

SOURCE = ROOT / "tests/vendor/axe-core/axe.min.js"


def violations(page: Page) -> list[str]:
    """Check the page as it is shown now; one line for each element and rule that it breaks.

    The driver's scripts are not subject to the page's Content-Security-Policy.
    """
    page.run(SOURCE.read_text())
    found = page.run_async("axe.run().then((results) => arguments[0](results.violations))")
    return [_line(rule, node) for rule in found for node in rule["nodes"]]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    place = " ".join(map(str, node["target"]))
    # The first line only says that any or all of the following has to be mended.
    why = "; ".join(line.strip() for line in node["failureSummary"].splitlines()[1:])
    return f"{rule['id']} at {place}: {why}"
