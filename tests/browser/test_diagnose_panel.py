"""How checks are run, cancelled and reported in the panel Diagnose."""

import pytest

from tests.support.diagnose import CHECKS, SECONDS, Panel, acceptable
from tests.support.proxy import NO_EXTENSIONS, Faults, Proxy
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
const [limit, done] = arguments;
const load = (module) => import(new URL(`static/js/${module}`, location));
(async () => {
  const { withClient } = await load("common/client.js");
  const { runCheck } = await load("diagnose/runner.js");
  const run = ({ signal }) => withClient("echo?mute", { signal }, (client) => %s);
  done(await runCheck({ limit, run }, new AbortController().signal, () => {}));
})();
"""


def test_a_check_that_fails_does_not_stop_the_others(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts["close-codes"] == "bad"
    assert set(CHECKS) - acceptable(verdicts) == {"close-codes"}, panel.page.text("#diagnose")
    assert panel.sentence.startswith("WebSockets work, with 1 problem")
    assert panel.found == "close-codes"
    assert panel.page.text("#diagnose-counts").startswith("1 bad, ")


def test_a_check_is_named_before_it_reports_progress(panel: Panel) -> None:
    panel.page.run_before_load(NEVER_OPEN)
    panel.open()
    panel.page.run("document.querySelector('#diagnose-progress').value = 1")  # of an earlier run
    panel.press("compression")
    assert panel.sentence == "Running …"
    assert panel.page.text("#diagnose-current") == "Compression"
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
    assert panel.part("handshake-time", "verdict") in ("good", "notable", "unknown")
    assert panel.part("throughput", "verdict") == "cancelled"
    assert panel.part("load-balancing", "verdict") == "not run"
    assert not panel.page.element("diagnose-progress").is_displayed()


def test_the_result_can_be_copied_and_saved(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    for check in ("handshake-time", "close-codes"):
        panel.run(check)

    panel.page.click("diagnose-copy")
    wait_until(lambda: panel.page.text("#diagnose-copied") == "Copied.")
    copied = panel.page.run("return copied")
    assert copied.startswith(f"## {panel.sentence}\n\n- WebSocket diagnosis of {proxy.url}/\n")
    assert "| Close codes | ❌ bad | 1001 for 1000 |" in copied
    assert "| Path | not run |  |" in copied
    assert "**Close codes**: The server closed with 1000 (done)" in copied
    assert "**Path**" not in copied
    assert "- Server: process " in copied

    panel.press("load-balancing")
    assert panel.page.text("#diagnose-copied") == ""
    panel.wait_for("load-balancing")

    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert saved["verdict"] == panel.sentence
    assert saved["verdict"].startswith("WebSockets work, with 1 problem")
    checks = {check["id"]: check for check in saved["checks"]}
    assert list(checks) == [*CHECKS, "idle"]
    assert {name for name, check in checks.items() if check["verdict"] != "not run"} == {
        "handshake-time",
        "close-codes",
        "load-balancing",
    }
    arrived = checks["close-codes"]["data"]["closes"][0]["arrived"]
    assert arrived == {"code": 1001, "reason": "done"}


def test_before_a_run_the_report_lists_every_check_as_not_run(panel: Panel) -> None:
    panel.open()
    panel.page.click("diagnose-copy")
    wait_until(lambda: panel.page.text("#diagnose-copied") == "Copied.")
    assert panel.page.run("return copied").count("| not run |") == len(CHECKS) + 1
    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert {check["verdict"] for check in saved["checks"]} == {"not run"}
    assert saved["verdict"] == "Do WebSockets work here?"


def test_during_a_run_the_report_has_the_results_so_far(panel: Panel) -> None:
    panel.open()
    panel.page.click("diagnose-run")
    wait_until(lambda: panel.part("throughput", "verdict") == "running", SECONDS)
    panel.page.click("diagnose-save")
    saved = panel.saved()
    panel.page.click("diagnose-run")
    verdicts = {check["id"]: check["verdict"] for check in saved["checks"]}
    assert saved["verdict"] == "Running …"
    assert verdicts["connection"] == "good"
    assert verdicts["throughput"] == verdicts["load-balancing"] == "not run"


def test_the_idle_check_alone_makes_a_report(panel: Panel) -> None:
    panel.open()
    panel.set_idle_seconds(1)
    assert panel.run("idle") == "good"
    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert saved["verdict"] == panel.sentence == "WebSockets work here"
    ended = [check["id"] for check in saved["checks"] if check["verdict"] != "not run"]
    assert ended == ["idle"]


def test_no_second_check_can_be_started(panel: Panel) -> None:
    panel.open()
    panel.press("throughput")
    panel.press("load-balancing")
    assert panel.part("load-balancing", "verdict") == "not run yet"
    panel.press("throughput")
    panel.wait_for("throughput")
    assert panel.run("load-balancing") == "good"


def test_before_a_run_the_checks_are_folded(panel: Panel) -> None:
    panel.open()
    assert panel.sentence == "Do WebSockets work here?"
    assert not panel.page.element("check-connection").is_displayed()
    panel.page.run("document.querySelector('#diagnose-list > summary').click()")
    assert panel.page.element("check-connection").is_displayed()


def test_a_finding_goes_when_its_check_gets_better(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    panel.run("close-codes")
    assert panel.found == "close-codes"
    assert panel.part("close-codes", "meaning") == "see the top of this page."
    proxy.faults = Faults()
    panel.press("close-codes")
    wait_until(lambda: panel.part("close-codes", "verdict") == "good", SECONDS)
    assert panel.found == ""
    assert panel.sentence == "WebSockets work here"


def test_the_worst_finding_is_above_the_list_and_others_are_in_it(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(request=NO_EXTENSIONS, close_code=1001)
    panel.open(proxy.url)
    panel.run("compression")
    assert panel.found == "compression"
    panel.run("close-codes")
    assert panel.found == "close-codes"
    assert panel.sentence == "WebSockets work, with 1 problem and 1 remark"
    assert "removes the offer of compression" in panel.page.text("#check-compression")
    assert "nginx" in panel.cures("compression")


@pytest.mark.parametrize(
    ("endless", "limit", "figure", "expected"),
    [
        ("client.next(0.1)", 10, "no reply", "no message arrived within 0.1 s"),
        ("client.ended()", 0.5, "out of time", "did not finish within 0.5 s"),
    ],
)
def test_a_check_that_does_not_end_is_stopped(
    panel: Panel, endless: str, limit: float, figure: str, expected: str
) -> None:
    panel.page.open("/healthz")
    result = panel.page.run_async(RUN_ENDLESS % endless, limit)
    assert (result["verdict"], result["figure"]) == ("bad", figure)
    assert expected in result["meaning"]
