"""How checks are run, cancelled and reported in the panel Diagnose."""

import pytest

from tests.support.diagnose import CHECKS, SECONDS, Panel, acceptable
from tests.support.proxy import Faults, Proxy
from tests.support.waiting import wait_until

NEVER_OPEN = """
window.WebSocket = class extends EventTarget { static OPEN = 1; readyState = 0; close() {} };
"""

# Requests get no response, and no time-out cancels them.
NEVER_ANSWER = """
window.setTimeout = () => 0;
window.fetch = (path, { signal }) => new Promise((resolve, reject) => {
  window.asked = path;
  signal.addEventListener("abort", () => reject(signal.reason));
});
"""


# A check that waits on a connection without traffic.
RUN_ENDLESS = """
const [done] = arguments;
const load = (module) => import(new URL(`static/js/${module}`, location));
(async () => {
  const { withClient } = await load("common/client.js");
  const { runCheck } = await load("diagnose/runner.js");
  const run = ({ signal }) => withClient("echo?mute", { signal }, (client) => %s);
  done(await runCheck({ limit: 0.5, run }, new AbortController().signal, () => {}));
})();
"""


def test_a_check_that_fails_does_not_stop_the_others(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts["close-codes"] == "bad"
    assert set(CHECKS) - acceptable(verdicts) == {"close-codes"}, panel.page.text("#diagnose")
    assert panel.page.text("#diagnose-status").startswith("1 bad, ")


def test_a_check_is_named_before_it_reports_progress(panel: Panel) -> None:
    panel.page.run_before_load(NEVER_OPEN)
    panel.open()
    panel.page.run("document.querySelector('#diagnose-progress').value = 1")  # of an earlier run
    panel.press("compression")
    assert panel.page.text("#diagnose-status") == "Compression …"
    assert panel.page.run("return document.querySelector('#diagnose-progress').value") < 1
    panel.press("compression")
    panel.wait_for("compression")
    panel.page.take_console_errors()


def test_a_single_check_can_be_run_again(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    assert panel.run("close-codes") == "bad"
    proxy.faults = Faults()
    panel.press("close-codes")
    wait_until(lambda: panel.part("close-codes", "verdict") == "good", SECONDS)


def test_a_long_check_shows_its_progress_and_can_be_cancelled(panel: Panel) -> None:
    panel.open()
    panel.press("idle")
    wait_until(lambda: "idle for 1 s" in panel.part("idle", "figure"), SECONDS)
    panel.press("idle")
    panel.wait_for("idle")
    assert panel.part("idle", "verdict") == "cancelled"


def test_a_check_can_be_cancelled_while_its_failure_is_explained(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(reset="requested")
    panel.open(proxy.url)
    panel.page.run(NEVER_ANSWER)
    panel.press("round-trip")
    panel.page.wait_until(lambda: panel.page.run("return window.asked"), "a question")
    panel.press("round-trip")
    panel.wait_for("round-trip")
    assert panel.part("round-trip", "verdict") == "cancelled"
    panel.page.take_console_errors()


def test_a_run_of_all_can_be_cancelled(panel: Panel) -> None:
    panel.open()
    panel.page.click("diagnose-run")
    wait_until(lambda: panel.part("throughput", "verdict") == "running", SECONDS)
    assert panel.page.element("diagnose-progress").is_displayed()
    panel.page.click("diagnose-run")
    panel.wait_for("load-balancing")
    assert panel.part("handshake-time", "verdict") == "good"
    assert panel.part("throughput", "verdict") == "cancelled"
    assert panel.part("load-balancing", "verdict") == "not run"
    assert not panel.page.element("diagnose-progress").is_displayed()


def test_the_result_can_be_copied_and_saved(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    assert not panel.page.is_enabled("diagnose-copy")
    for check in ("handshake-time", "close-codes"):
        panel.run(check)

    panel.page.click("diagnose-copy")
    wait_until(lambda: panel.page.text("#diagnose-copied") == "Copied.")
    copied = panel.page.run("return copied")
    assert copied.startswith(f"## WebSocket diagnosis of {proxy.url}/\n")
    assert "| Close codes | ❌ bad | 1001 for 1000 |" in copied
    assert "**Close codes**: The server closed with 1000 (done)" in copied
    assert "- Server: process " in copied

    panel.press("load-balancing")
    assert panel.page.text("#diagnose-copied") == ""
    panel.wait_for("load-balancing")

    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert [check["id"] for check in saved["checks"]] == [
        "handshake-time",
        "close-codes",
        "load-balancing",
    ]
    assert saved["checks"][1]["data"]["closes"][0]["arrived"] == {"code": 1001, "reason": "done"}


def test_no_second_check_can_be_started(panel: Panel) -> None:
    panel.open()
    panel.press("throughput")
    panel.press("load-balancing")
    assert panel.part("load-balancing", "verdict") == "not run yet"
    panel.press("throughput")
    panel.wait_for("throughput")
    assert panel.run("load-balancing") == "good"


@pytest.mark.parametrize("check", ["throughput", "idle"])
def test_no_report_can_be_exported_while_a_check_runs(panel: Panel, check: str) -> None:
    panel.open()
    panel.run("close-codes")
    assert panel.page.is_enabled("diagnose-copy")
    panel.press(check)
    assert not panel.page.is_enabled("diagnose-copy")
    assert not panel.page.is_enabled("diagnose-save")
    panel.press(check)
    panel.wait_for(check)
    assert panel.page.is_enabled("diagnose-save")


@pytest.mark.parametrize(
    ("endless", "figure", "expected"),
    [
        ("client.next(0.1)", "no reply", "no message arrived within 0.1 s"),
        ("client.ended()", "out of time", "did not finish within 0.5 s"),
    ],
)
def test_a_check_that_does_not_end_is_stopped(
    panel: Panel, endless: str, figure: str, expected: str
) -> None:
    panel.page.open("/healthz")
    result = panel.page.run_async(RUN_ENDLESS % endless)
    assert (result["verdict"], result["figure"]) == ("bad", figure)
    assert expected in result["meaning"]
