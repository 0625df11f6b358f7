"""Browsers with other engines than Chromium's: WebKitGTK and Firefox.

WebKitGTK is driven by Selenium, on a display of its own. Firefox is driven over the WebSocket
that it offers for this (WebDriver BiDi): Debian has no geckodriver.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pytest

from tests.support.required import program
from tests.support.servers import START_SECONDS, STOP_SECONDS
from tests.support.waiting import wait_until

pytest.importorskip("selenium")

from selenium.webdriver import Remote, WebKitGTKOptions, WebKitGTKService
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from websocket import create_connection  # Selenium needs it too

ANSWER_SECONDS = 60


class Tab(Protocol):
    """What a test can do with any engine."""

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, and return what it returns."""

    def click(self, element_id: str) -> None:
        """Click an element with the mouse."""

    def press(self, keys: str) -> None:
        """Press keys, wherever the focus is."""


# WebKitGTK


class _SeleniumTab:
    def __init__(self, driver: Remote) -> None:
        self._driver = driver

    def open(self, url: str) -> None:
        self._driver.get(url)

    def run(self, script: str, *arguments: object) -> Any:
        return self._driver.execute_script(script, *arguments)

    def click(self, element_id: str) -> None:
        self._driver.find_element("id", element_id).click()

    def press(self, keys: str) -> None:
        ActionChains(self._driver).send_keys(keys).perform()


@contextmanager
def webkit() -> Iterator[Tab]:
    """WebKitGTK's MiniBrowser, which keeps nothing."""
    binary = program("WebKitWebDriver")
    with _display() as display:
        # In the locale C the browser's language is "C", which Intl refuses and the charts with it.
        # The page has to bear that.
        surroundings = {**os.environ, "DISPLAY": display, "LC_ALL": "C"}
        service = WebKitGTKService(binary, env=surroundings)
        service.start()
        try:
            # Selenium's own class for WebKitGTK does what Selenium warns of as deprecated.
            place = RemoteConnection(client_config=ClientConfig(service.service_url))
            driver = Remote(place, options=WebKitGTKOptions())
            yield _SeleniumTab(driver)
            driver.quit()
        finally:
            service.stop()


@contextmanager
def _display() -> Iterator[str]:
    """A display of X11 that nobody sees."""
    ready, tell = os.pipe()
    process = subprocess.Popen(
        [
            *(program("Xvfb"), "-displayfd", str(tell)),
            *("-screen", "0", "1280x1024x24", "-nolisten", "tcp"),
        ],
        pass_fds=[tell],
        stderr=subprocess.DEVNULL,
    )
    os.close(tell)
    try:
        with open(ready) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb ended at once"
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


# Firefox


class _BiDi:
    """The commands of WebDriver BiDi, one after the other. Events are not subscribed to."""

    def __init__(self, url: str) -> None:
        # Firefox refuses any Origin but those that it was started with.
        self._socket = create_connection(url, ANSWER_SECONDS, suppress_origin=True)
        self._last_id = 0

    def call(self, method: str, **parameters: object) -> Any:
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        told = json.loads(self._socket.recv())
        assert (told["type"], told["id"]) == ("success", self._last_id), told
        return told["result"]

    def close(self) -> None:
        self._socket.close()


class _BiDiTab:
    def __init__(self, bidi: _BiDi) -> None:
        self._bidi = bidi
        self._context = bidi.call("browsingContext.getTree")["contexts"][0]["context"]

    def open(self, url: str) -> None:
        self._bidi.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, script: str, *arguments: object) -> Any:
        call = f"(function () {{ {script} }})(...{json.dumps(arguments)})"
        told = self._evaluate(f"JSON.stringify({call}) ?? 'null'")
        return json.loads(told["value"])

    def click(self, element_id: str) -> None:
        found = f"document.getElementById({json.dumps(element_id)})"
        self._evaluate(f"{found}.scrollIntoView({{ block: 'nearest' }})")
        node = self._evaluate(found)["sharedId"]
        place = {"type": "element", "element": {"sharedId": node}}
        self._perform(
            "pointer",
            {"type": "pointerMove", "x": 0, "y": 0, "origin": place},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    def press(self, keys: str) -> None:
        turns = ("keyDown", "keyUp")
        self._perform("key", *({"type": turn, "value": key} for key in keys for turn in turns))

    def _evaluate(self, expression: str) -> Any:
        target = {"context": self._context}
        told = self._bidi.call(
            "script.evaluate", expression=expression, target=target, awaitPromise=True
        )
        assert told["type"] == "success", told
        return told["result"]

    def _perform(self, device: str, *actions: object) -> None:
        source = {"type": device, "id": device, "actions": actions}
        self._bidi.call("input.performActions", context=self._context, actions=[source])


@contextmanager
def firefox() -> Iterator[Tab]:
    """Firefox with a new profile."""
    binary = program("firefox-esr", "firefox")
    with TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [binary, "--headless", "--profile", profile, "--remote-debugging-port", "0"],
            env={**os.environ, "HOME": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            bidi = _BiDi(_address(process, Path(profile, "WebDriverBiDiServer.json")))
            bidi.call("session.new", capabilities={})
            yield _BiDiTab(bidi)
            bidi.call("browser.close")
            bidi.close()
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _address(process: "subprocess.Popen[bytes]", file: Path) -> str:
    """Where Firefox, as it writes to its profile, listens for commands."""

    def is_written() -> bool:
        assert process.poll() is None, f"Firefox ended at once with {process.returncode}"
        return file.exists() and file.read_text().endswith("}")

    wait_until(is_written, START_SECONDS)
    place = json.loads(file.read_text())
    return f"ws://{place['ws_host']}:{place['ws_port']}/session"


ENGINES: dict[str, Callable[[], AbstractContextManager[Tab]]] = {
    "WebKitGTK": webkit,
    "Firefox": firefox,
}
