"""A busy browser is late for messages. The panel Diagnose must not blame the path for it."""

import pytest

from tests.support.diagnose import TIMED_CHECKS, Panel
from tests.support.proxy import Faults, Proxy

pytestmark = pytest.mark.slow

# Keeps the page from its events for 300 of 320 ms.
BLOCK = """
setInterval(() => {
  const end = performance.now() + 300;
  while (performance.now() < end);
}, 320);
"""


@pytest.mark.parametrize("check", sorted(TIMED_CHECKS))
def test_a_slow_browser_accuses_no_path(panel: Panel, check: str) -> None:
    panel.open()
    panel.page.devtools("Emulation.setCPUThrottlingRate", rate=30)
    assert panel.run(check) in ("good", "unknown"), panel.text(check)


def test_a_busy_browser_says_that_it_is_busy(panel: Panel) -> None:
    panel.open()
    panel.page.run(BLOCK)
    assert panel.run("buffering") == "unknown", panel.text("buffering")
    assert "This browser was busy" in panel.text("buffering")


def test_a_busy_browser_does_not_hide_a_cut(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(reset="upgraded")
    panel.open(proxy.url)
    panel.page.run(BLOCK)
    assert panel.run("round-trip") == "bad", panel.text("round-trip")
    panel.page.take_console_errors()
