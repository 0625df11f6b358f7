"""One cell of the matrix through the page, in a real browser."""

from collections.abc import Mapping
from contextlib import ExitStack
from time import monotonic
from typing import Any

from tests.matrix.cell import (
    Result,
    accused_products,
    lines_of,
    proxied,
    reload_later,
    url_of,
)
from tests.matrix.expectations import EXPECTED, Expectation
from tests.support.browser import Page
from tests.support.diagnose import CATCH_COPIES, Panel

# The page has these checks under other names.
_NAMES = {"several": "load-balancing"}
# What a browser sees of a fault that a terminal sees otherwise: it speaks HTTP/2, and its requests
# are not those of the probe.
_OTHER_IDS = {
    ("Envoy", "http-2-connect"): ("key-missing",),
}
# The page does not load.
WITHOUT_PAGE = {
    "prefix-not-stripped": "the page is not at its address, either",
}


def checks_of(expected: Expectation) -> list[str]:
    """Return the checks of the page that a cell runs."""
    named = _NAMES.get(expected.check, expected.check)
    return ["connection"] if named == "connection" else ["connection", named]


def run(page: Page, name: str, fault: str, words: Mapping[str, str]) -> Result:
    """Run one cell through the page."""
    expected = EXPECTED[fault]
    with ExitStack() as stack:
        proxy = stack.enter_context(proxied(name, lines_of(name, fault), words))
        page.run_before_load(CATCH_COPIES)
        panel = Panel(page)
        panel.open(url_of(fault, proxy.port).rstrip("/"))
        if expected.idle_seconds:
            panel.set_idle_seconds(expected.idle_seconds)
        began = monotonic()
        for check in checks_of(expected):
            panel.press(check)
            if fault == "reload" and check == "idle":
                reload_later(name, proxy)()
            panel.wait_for(check)
        seconds = monotonic() - began
        page.click("diagnose-save")
        saved = {check["id"]: check for check in panel.saved()["checks"]}
        page.open("/", url="about:blank")
        page.take_console_errors()
    return _judged(name, fault, expected, saved, seconds)


def _judged(
    name: str,
    fault: str,
    expected: Expectation,
    saved: Mapping[str, Mapping[str, Any]],
    seconds: float,
) -> Result:
    wanted = checks_of(expected)[-1]
    # If the path is wrong, the first check says so.
    verdict = saved[wanted] if wanted in saved else saved["connection"]
    if expected.check == "path" and saved["connection"]["fault"] in expected.ids:
        verdict = saved["connection"]
    ids = _OTHER_IDS.get((name, fault), expected.ids)
    accused = [
        check["fault"]
        for check in saved.values()
        if check["verdict"] in ("bad", "notable") and check["fault"] not in ids
    ]
    product = accused_products(name, [check.get("product", "") for check in saved.values()])
    reason = ""
    if verdict["fault"] not in ids:
        reason = f"{verdict['fault']}: {verdict['meaning']}"
    elif accused:
        reason = f"also accused: {', '.join(accused)}"
    elif product:
        reason = f"taken for {product}"
    outcome = "right"
    if reason:
        outcome = "unknown" if verdict["verdict"] == "unknown" and not accused else "wrong"
    return Result(name, fault, str(verdict["fault"]), seconds, outcome, reason)
