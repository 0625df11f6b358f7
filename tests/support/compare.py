"""The panel Compare, for tests of the page."""

from tests.support.browser import Page

WAYS = ("polling", "conditional", "long", "sse", "websocket")


class Compare:
    """The panel in a browser."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str | None = None) -> None:
        self.page.open("/#compare", url=url)
        self.page.wait_until(self.page.element("compare").is_displayed, "the panel Compare")

    def start(self, *ways: str, mean: float = 0.1, interval: float = 0.1) -> None:
        """Start with these ways only; without an argument, with all."""
        self.page.run(
            "const [mean, interval, ways] = arguments;"
            "const part = (name) => document.querySelector(`#compare-${name}`);"
            "part('mean').value = mean; part('interval').value = interval;"
            "for (const box of document.querySelectorAll('#compare [name=way]'))"
            "  box.checked = ways.includes(box.value);",
            mean,
            interval,
            list(ways or WAYS),
        )
        self.page.click("compare-start")

    def stop(self) -> None:
        """Stop, and wait until all figures are there."""
        self.page.click("compare-stop")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until a run can be started, because the last one has ended."""
        self.page.wait_until(lambda: self.page.is_enabled("compare-start"), "the end")

    def figures(self) -> dict[str, dict[str, str]]:
        """Return the cells of the table, by way and column."""
        rows = self.page.run(
            "const table = document.querySelector('#compare-table');"
            "const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);"
            "return [...table.tBodies[0].rows].map((row) => ["
            "  row.querySelector('.mark').dataset.way,"
            "  Object.fromEntries([...row.cells].map((cell, at) =>"
            "    [names[at], cell.textContent]))])"
        )
        return dict(rows)

    def events(self, way: str) -> int:
        return int(self.figures().get(way, {}).get("Events", "0").replace(",", ""))

    def wait_for_events(self, count: int, *ways: str) -> None:
        """Wait until each of these ways has more than ``count`` events."""
        self.page.wait_until(
            lambda: all(self.events(way) > count for way in ways or WAYS), f"{count} events"
        )

    def saved(self, kind: str) -> str:
        """Press the button that saves a file, and return what it would have."""
        self.page.click(f"compare-save-{kind}")
        return str(self.page.run_async("window.saved.text().then(arguments[0])"))
