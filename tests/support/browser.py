"""A headless Chromium for the tests, and the page as a test sees it."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.required import REQUIRED, give_up
from tests.support.waiting import wait_until

try:
    from selenium.common import WebDriverException
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.remote.webelement import WebElement
except ImportError:
    if REQUIRED:
        raise
    pytest.skip("Selenium is not installed", allow_module_level=True)

WINDOW = "1280,800"
NAMED_HOST = "echo.test"  # a name for the loopback address that is not a secure context

# A script for run_before_load(): keeps all WebSockets of the page in window.sockets.
KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...options) { super(...options); window.sockets.push(this); }
};
"""

# The log writes in a timer, so read it in a later one: then no line is missing.
LOG = "setTimeout(() => arguments[0](document.getElementById('messages').textContent))"

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--window-size={WINDOW}",
    f"--host-resolver-rules=MAP {NAMED_HOST} 127.0.0.1",
)


class Page:
    """The page in a tab of its own."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self._driver = driver
        self._url = url

    def open(self, path: str = "/", *, url: str | None = None) -> None:
        self._driver.get((url or self._url) + path)

    def back(self) -> None:
        self._driver.back()

    def leave(self) -> None:
        """Leave the page before its server or proxy ends: it may still load its icon or a trace."""
        self.devtools("Page.navigate", url="about:blank")

    def element(self, element_id: str) -> WebElement:
        return self._driver.find_element("id", element_id)

    def click(self, element_id: str) -> None:
        self.element(element_id).click()

    def is_enabled(self, element_id: str) -> bool:
        return self.element(element_id).is_enabled()

    def text(self, selector: str) -> str:
        """The visible text of the first element that matches the selector."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, keys: str) -> None:
        """Press keys in the focused element."""
        ActionChains(self._driver).send_keys(keys).perform()

    @property
    def focus(self) -> str:
        """The id of the focused element, or its text if it has none, or "" for the body."""
        return str(
            self.run(
                "const { activeElement: focused, body } = document;"
                "return focused === body ? '' : focused.id || focused.textContent"
            )
        )

    @property
    def state(self) -> str:
        return self.element("state").text.lower()

    @property
    def lines(self) -> list[str]:
        """The lines of the log. Only a line feed ends a line, no Unicode separator."""
        text = self.run_async(LOG)
        return str(text).split("\n")[:-1]

    def run(self, script: str, *arguments: object) -> Any:
        return self._driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: object) -> Any:
        """Run a script that calls its last argument with the result."""
        return self._driver.execute_async_script(script, *arguments)

    def devtools(self, command: str, **parameters: object) -> Any:
        return self._driver.execute_cdp_cmd(command, parameters)

    def emulate(self, width: int, height: int, scheme: str) -> None:
        """Emulate a screen of this size and a colour scheme, ``light`` or ``dark``."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        # Reduced motion switches colours at once instead of fading.
        preferences = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in preferences.items()]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def run_before_load(self, script: str) -> None:
        """Run ``script`` in every page that this tab opens, before the page's own scripts."""
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source=script)

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        wait_until(condition, describe=lambda: f"{what}; the log is {self.lines}")

    def wait_for_lines(self, *expected: str) -> None:
        """Wait until the log has exactly these lines."""
        self.wait_until(lambda: self.lines == list(expected), f"the lines {expected}")

    def wait_for_state(self, state: str) -> None:
        self.wait_until(lambda: self.state == state, f"the state {state!r}")

    def take_console_errors(self) -> list[str]:
        """The errors logged to the console since the last call, from any page."""
        return [
            entry["message"]
            for entry in self._driver.get_log("browser")  # type: ignore[no-untyped-call]
            if entry["level"] == "SEVERE"
        ]


@contextmanager
def launch(*arguments: str) -> Iterator[Chrome]:
    """Start a browser with a new profile. Without a browser, skip the test, or fail if required.

    :param arguments: more words for its command line.
    """
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        try:
            driver = Chrome(
                _options(profile, arguments), ChromeService(shutil.which("chromedriver"))
            )
        except WebDriverException as error:
            give_up(f"no browser: {error.msg}")
        try:
            yield driver
        finally:
            driver.quit()


@contextmanager
def new_tab(driver: Chrome, url: str) -> Iterator[Page]:
    """Open a tab. Its scripts, history and emulated screen end with it."""
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    try:
        yield Page(driver, url)
    finally:
        driver.close()
        driver.switch_to.window(first)


def _options(profile: str, more: Sequence[str]) -> ChromeOptions:
    options = ChromeOptions()
    for flag in (*FLAGS, *more, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if chromium := shutil.which("chromium"):
        options.binary_location = chromium
    return options
