"""The link #diagnose?run, which opens the panel and runs all checks."""

from tests.support.browser import KEEP_SOCKETS
from tests.support.diagnose import CHECKS, Panel, acceptable
from tests.support.waiting import wait_until

OPENED = "return sockets.filter(({ url }) => url.includes('/echo')).length"


def test_the_link_runs_all_checks_at_once(panel: Panel) -> None:
    panel.page.open("/#diagnose?run")
    wait_until(lambda: panel.sentence.startswith("Running"))
    panel.wait_for_end()
    verdicts = {check: panel.part(check, "verdict") for check in CHECKS}
    assert not set(CHECKS) - acceptable(verdicts), verdicts
    assert panel.page.run("return location.hash") == "#diagnose?run"


def test_a_visit_to_another_panel_and_back_does_not_run_again(panel: Panel) -> None:
    page = panel.page
    page.run_before_load(KEEP_SOCKETS)
    page.open("/#diagnose?run")
    panel.wait_for_end()
    opened = page.run(OPENED)
    page.click("tab-talk")
    page.back()
    page.wait_until(lambda: page.element("diagnose").is_displayed(), "the panel")
    page.click("tab-talk")
    page.click("tab-diagnose")
    page.wait_until(lambda: page.element("diagnose").is_displayed(), "the panel")
    assert page.run("return document.querySelector('#diagnose-busy').hidden")
    assert page.run(OPENED) == opened
    assert panel.sentence.startswith("WebSockets work")


def test_the_link_runs_again_when_it_is_followed_again(panel: Panel) -> None:
    page = panel.page
    page.run_before_load(KEEP_SOCKETS)
    page.open("/#diagnose?run")
    panel.wait_for_end()
    opened = page.run(OPENED)
    page.click("tab-talk")
    page.run("location.hash = '#diagnose?run'")
    page.wait_until(lambda: page.run(OPENED) > opened, "another run")
    panel.wait_for_end()


def test_the_link_does_not_disturb_a_run(panel: Panel) -> None:
    panel.open()
    panel.press("throughput")
    panel.page.run("location.hash = '#diagnose?run'")
    panel.page.wait_until(lambda: panel.page.run("return history.state !== null"), "the link")
    panel.wait_for("throughput")
    assert panel.part("throughput", "verdict") in ("good", "notable")
    assert panel.part("connection", "verdict") == "not run yet"
