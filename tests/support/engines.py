"""Browsers with other engines than Chromium's: WebKitGTK and Firefox.

Selenium drives WebKitGTK, on a virtual display. Firefox is driven over its own WebSocket interface
(WebDriver BiDi), because Debian has no geckodriver.
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
    """The operations that every engine supports."""

    def open(self, url: str) -> None:
        """Open a page, and wait until it has loaded."""

    def run(self, script: str, *arguments: object) -> Any:
        """Run a function body in the page, and return its result."""

    def click(self, element_id: str) -> None:
        """Click an element with the mouse."""

    def press(self, keys: str) -> None:
        """Press keys in the focused element."""


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
    """Start WebKitGTK's MiniBrowser, which stores nothing."""
    binary = program("WebKitWebDriver")
    with _display() as display:
        # In the C locale the browser's language is "C". Intl refuses it, so uPlot fails to load.
        # The page has to work without charts.
        environment = {**os.environ, "DISPLAY": display, "LC_ALL": "C"}
        service = WebKitGTKService(binary, env=environment)
        service.start()
        try:
            # Not selenium.webdriver.WebKitGTK: it causes deprecation warnings of Selenium.
            connection = RemoteConnection(client_config=ClientConfig(service.service_url))
            driver = Remote(connection, options=WebKitGTKOptions())
            yield _SeleniumTab(driver)
            driver.quit()
        finally:
            service.stop()


@contextmanager
def _display() -> Iterator[str]:
    """Start a virtual X11 display; yield its name."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [
            *(program("Xvfb"), "-displayfd", str(writing)),
            *("-screen", "0", "1280x1024x24", "-nolisten", "tcp"),
        ],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with open(reading) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb exited at once"
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


# Firefox


class _BiDi:
    """Commands of WebDriver BiDi, one at a time, without events."""

    def __init__(self, url: str) -> None:
        # Firefox refuses an Origin unless it was allowed on the command line.
        self._socket = create_connection(url, ANSWER_SECONDS, suppress_origin=True)
        self._last_id = 0

    def call(self, method: str, **parameters: object) -> Any:
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        response = json.loads(self._socket.recv())
        assert (response["type"], response["id"]) == ("success", self._last_id), response
        return response["result"]

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
        result = self._evaluate(f"JSON.stringify({call}) ?? 'null'")
        return json.loads(result["value"])

    def click(self, element_id: str) -> None:
        element = f"document.getElementById({json.dumps(element_id)})"
        self._evaluate(f"{element}.scrollIntoView({{ block: 'nearest' }})")
        node = self._evaluate(element)["sharedId"]
        origin = {"type": "element", "element": {"sharedId": node}}
        self._perform(
            "pointer",
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    def press(self, keys: str) -> None:
        steps = ("keyDown", "keyUp")
        self._perform("key", *({"type": step, "value": key} for key in keys for step in steps))

    def _evaluate(self, expression: str) -> Any:
        target = {"context": self._context}
        response = self._bidi.call(
            "script.evaluate", expression=expression, target=target, awaitPromise=True
        )
        assert response["type"] == "success", response
        return response["result"]

    def _perform(self, device: str, *actions: object) -> None:
        source = {"type": device, "id": device, "actions": actions}
        self._bidi.call("input.performActions", context=self._context, actions=[source])


@contextmanager
def firefox() -> Iterator[Tab]:
    """Start Firefox with a new profile."""
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
    """Wait until Firefox has written the address of its interface to its profile."""

    def is_written() -> bool:
        assert process.poll() is None, f"Firefox exited at once with {process.returncode}"
        return file.exists() and file.read_text().endswith("}")

    wait_until(is_written, START_SECONDS)
    address = json.loads(file.read_text())
    return f"ws://{address['ws_host']}:{address['ws_port']}/session"


ENGINES: dict[str, Callable[[], AbstractContextManager[Tab]]] = {
    "WebKitGTK": webkit,
    "Firefox": firefox,
}
