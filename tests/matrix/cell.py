"""One cell of the matrix: a product with a fault, what the probe says, and whether it is right."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flask_echo.diagnosis.cures import CURES
from flask_echo.diagnosis.facts import MARK
from flask_echo.diagnosis.paths import PATHS
from tests.matrix.expectations import EXPECTED, OF_THE_SERVER, Expectation
from tests.support.products import PRODUCTS, Running, running
from tests.support.servers import ROOT, environment

PROBE_SECONDS = 60
# When the idle check has both of its connections open. The probe says nothing of them.
_BEFORE_RELOAD = 7.0
# Products that are built on another one.
_RELATED = {"http-proxy-middleware": ("http-proxy",), "Vite": ("http-proxy",)}


@dataclass(frozen=True)
class Result:
    """What the probe said about a cell.

    :ivar said: the verdict of the check that must say it.
    :ivar outcome: ``right``, ``unknown`` or ``wrong``.
    :ivar reason: why it is not right.
    """

    product: str
    fault: str
    said: str
    seconds: float
    outcome: str
    reason: str = ""


def cells() -> Iterator[tuple[str, str]]:
    """Yield all cells: each product with each fault that it can have."""
    for name, product in PRODUCTS.items():
        for fault in EXPECTED:
            if fault == "correct" or fault in product.faults or fault in OF_THE_SERVER:
                yield name, fault


def lines_of(name: str, fault: str) -> str:
    """Return the configuration of a cell."""
    product = PRODUCTS[name]
    return product.faults.get(fault, product.correct)


def judged(name: str, fault: str, report: Mapping[str, Any]) -> Result:
    """Compare what the probe said with what must be said."""
    expected = EXPECTED[fault]
    said = {check["check"]: check for check in report["checks"]}
    verdict = said.get(expected.check, said["connection"])
    reason = _mistake(name, fault, expected, verdict, said)
    if not reason:
        outcome = "right"
    elif verdict["verdict"] == "unknown" and not _accusations(expected, said):
        outcome = "unknown"
    else:
        outcome = "wrong"
    return Result(name, fault, verdict["id"], report["seconds"], outcome, reason)


def _mistake(
    name: str,
    fault: str,
    expected: Expectation,
    verdict: Mapping[str, Any],
    said: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return what is wrong with a report, or an empty text."""
    if verdict["id"] not in expected.ids:
        return f"{verdict['check']}: {verdict['id']}: {verdict['meaning']}"
    if accusations := _accusations(expected, said):
        return f"also accused: {', '.join(accusations)}"
    if products := accused_products(name, [check["product"] for check in said.values()]):
        return f"taken for {products}"
    if fault in CURES[name] and name not in verdict["cures"]:
        return "without the cure"
    return ""


def accused_products(name: str, found: Iterable[str]) -> str:
    """Return the products that a proxy was taken for, if it is another one."""
    return ", ".join(sorted(set(found) - {"", name, *_RELATED.get(name, ())}))


def _accusations(expected: Expectation, said: Mapping[str, Mapping[str, Any]]) -> list[str]:
    allowed = {*expected.ids, *expected.beside}
    return [
        check["id"]
        for check in said.values()
        if check["verdict"] in ("bad", "notable") and check["id"] not in allowed
    ]


def probed(
    url: str, expected: Expectation, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Run ``flask-echo probe`` as a user does, and return its report.

    :param meanwhile: is called while it runs.
    """
    words = [sys.executable, "-m", "flask_echo", "probe", url, "--json", "--insecure"]
    if expected.only:
        words += ["--only", ",".join((*expected.only, *_beside(expected)))]
    if expected.idle_seconds:
        words += ["--idle", str(expected.idle_seconds)]
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        meanwhile()
        output, errors = process.communicate(timeout=PROBE_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in (0, 1), errors
    assert output, errors
    report: dict[str, Any] = json.loads(output)
    assert report["exit_code"] == process.returncode
    return report


def _beside(expected: Expectation) -> tuple[str, ...]:
    return () if expected.check in expected.only else (expected.check,)


@contextmanager
def proxied(name: str, lines: str, words: Mapping[str, str]) -> Iterator[Running]:
    """Run a product with these lines."""
    with running(PRODUCTS[name], lines, **words) as proxy:
        yield proxy


def url_of(fault: str, port: int) -> str:
    """Return the address that is probed for a fault."""
    scheme = "https" if fault.startswith("http-2") else "http"
    return f"{scheme}://127.0.0.1:{port}{EXPECTED[fault].path}"


def reload_later(name: str, proxy: Running) -> Callable[[], None]:
    """Return what reloads a proxy some seconds later."""
    reload = PRODUCTS[name].reload
    assert reload is not None
    done = threading.Event()

    def wait_and_reload() -> None:
        done.wait(_BEFORE_RELOAD)
        reload(proxy)

    return wait_and_reload


def run(name: str, fault: str, words: Mapping[str, str], place: Path) -> Result:
    """Run one cell through the probe."""
    with ExitStack() as stack:
        proxy = stack.enter_context(proxied(name, lines_of(name, fault), words))
        meanwhile = reload_later(name, proxy) if fault == "reload" else (lambda: None)
        report = probed(url_of(fault, proxy.port), EXPECTED[fault], meanwhile)
        result = judged(name, fault, report)
        if result.outcome != "right":
            place.mkdir(exist_ok=True)
            name = f"{name}-{fault}".replace("/", "-")
            (place / f"{name}.json").write_text(json.dumps(report, indent=1))
            (place / f"{name}.log").write_text(proxy.log())
    return result


def _refused(url: str) -> list[str]:
    """Return the addresses of WebSockets below this one that somebody else answers."""
    found = []
    for path in PATHS:
        try:
            with connect(url.rstrip("/") + path):
                pass
        except InvalidStatus as error:
            if MARK not in error.response.headers:
                found.append(path)
    return found


def cured(name: str, fault: str, words: Mapping[str, str]) -> Result | None:
    """Paste the cure of a cell, and run it again. None if there is nothing to paste."""
    template = PRODUCTS[name].cured.get(fault)
    if template is None or fault not in CURES[name]:
        return None
    lines = template.replace("CURE", CURES[name][fault])
    expected = EXPECTED[fault]
    with proxied(name, lines, words) as proxy:
        report = probed(url_of(fault, proxy.port), expected)
        refused = _refused(url_of(fault, proxy.port).replace("http", "ws", 1))
    accused = [f"{path} is not passed on" for path in refused] + [
        f"{check['id']}: {check['meaning']}"
        for check in report["checks"]
        if check["verdict"] in ("bad", "notable") or check["id"] in expected.ids
    ]
    is_open = any(check["id"] == "open" for check in report["checks"])
    outcome = "right" if is_open and not accused else "wrong"
    return Result(name, fault, "cured", report["seconds"], outcome, "; ".join(accused))
