"""The panel Diagnose, for tests of the page."""

import json
from typing import Any

from tests.support.browser import Page
from tests.support.waiting import wait_until

SECONDS = 60  # for any check
CHECKS = [
    "connection", "path", "host", "origin", "compression", "handshake-time", "round-trip",
    "integrity", "message-size", "throughput", "buffering", "close-codes", "load-balancing",
]  # fmt: skip
UNDONE = {"not run yet", "running"}  # verdicts of checks that have not ended

# Checks whose verdict depends on the speed of the machine, too.
TIMED_CHECKS = {"handshake-time", "round-trip", "throughput", "buffering"}

# A script for run_before_load(): keeps the text that is copied and the file that is saved.
CATCH_COPIES = """
Object.defineProperty(navigator, "clipboard", {
  value: { writeText: async (text) => { window.copied = text; } },
});
URL.createObjectURL = (blob) => { window.saved = blob; return "#diagnose"; };
"""


class Panel:
    """The panel as a test uses it. A check is named by its id."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str | None = None) -> None:
        self.page.open("/#diagnose", url=url)

    def part(self, check: str, name: str) -> str:
        """The text of a part of a check, also of one that is folded."""
        selector = f"#check-{check} .{name}"
        text = self.page.run(
            "return document.querySelector(arguments[0]).textContent.trim()", selector
        )
        return str(text).lower()

    @property
    def sentence(self) -> str:
        """What the panel says of all checks."""
        return self.page.text("#diagnose-status")

    @property
    def found(self) -> str:
        """The check that the finding above the list is about, or "" without one."""
        return str(
            self.page.run(
                "const { hidden, dataset } = document.querySelector('#diagnose-finding');"
                "return hidden ? '' : dataset.check"
            )
        )

    def wait_for_end(self) -> None:
        """Wait until the run of all checks has ended."""

        def has_ended() -> bool:
            return bool(self.page.run("return document.querySelector('#diagnose-busy').hidden"))

        wait_until(has_ended, 2 * SECONDS, lambda: self.page.text("#diagnose"))

    def press(self, check: str) -> None:
        self.page.run(f"document.querySelector('#check-{check} .run').click()")

    def wait_for(self, check: str) -> None:
        def describe() -> str:
            return f"{check} did not end: {self.page.text('#diagnose')}"

        wait_until(lambda: self.part(check, "verdict") not in UNDONE, SECONDS, describe)

    def run(self, check: str) -> str:
        """Run a check and return its verdict."""
        self.press(check)
        self.wait_for(check)
        return self.part(check, "verdict")

    def run_all(self) -> dict[str, str]:
        """Run all checks, and return their verdicts."""
        self.page.click("diagnose-run")
        for check in CHECKS:
            self.wait_for(check)
        return {check: self.part(check, "verdict") for check in CHECKS}

    def text(self, check: str) -> str:
        """Everything that a check says, its details included, also above the list."""
        self.page.run(
            "for (const fold of document.querySelectorAll('#diagnose details')) fold.open = true"
        )
        above = self.page.text("#diagnose-finding") if self.found == check else ""
        return f"{above}\n{self.page.text(f'#check-{check}')}"

    def cures(self, check: str) -> dict[str, str]:
        """The lines to paste that a check shows, by product."""
        place = "#diagnose-finding" if self.found == check else f"#check-{check}"
        pairs = self.page.run(
            "return [...document.querySelectorAll(`${arguments[0]} .cure`)].map((cure) =>"
            " [cure.dataset.product, cure.querySelector('pre').textContent])",
            place,
        )
        return dict(pairs)

    def saved(self) -> Any:
        """The file that was saved last; see CATCH_COPIES."""
        return json.loads(self.page.run_async("saved.text().then(arguments[0])"))

    def set_idle_seconds(self, seconds: float) -> None:
        """Let the idle check wait this long."""
        self.page.run(
            "const choice = document.getElementById('diagnose-idle-seconds');"
            "choice.append(new Option('', arguments[0]));"
            "choice.value = arguments[0]",
            seconds,
        )


def acceptable(verdicts: dict[str, str]) -> set[str]:
    """The checks whose verdict is right for a path without faults, also on a slow machine."""
    return {
        check
        for check, verdict in verdicts.items()
        if verdict == "good" or (check in TIMED_CHECKS and verdict in ("notable", "unknown"))
    }
