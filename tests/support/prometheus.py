"""Debian's Prometheus, as somebody runs it with the files of deploy/."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from time import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.support.clients import TIMEOUT
from tests.support.required import program
from tests.support.servers import ROOT, START_SECONDS, STOP_SECONDS
from tests.support.waiting import wait_until

ALERTS = ROOT / "deploy/alerts.yml"

# Where it says on which port it listens.
_ADDRESS = re.compile(r'msg="Listening on" address=(\S+)')
# The time between the points of a line.
_STEP_SECONDS = 1

# The values of one line in the order of time. Some may be NaN, such as 0 of 0.
Line = list[float]


def example() -> str:
    """Return the configuration in docs/production.md."""
    document = (ROOT / "docs/production.md").read_text("utf-8")
    (found,) = re.findall(r"^```yaml\n(.*?scrape_configs:.*?)^```$", document, re.DOTALL | re.M)
    return str(found)


def promtool(*words: object) -> "subprocess.CompletedProcess[str]":
    """Run promtool to its end."""
    line = [program("promtool"), *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


class Prometheus:
    """A Prometheus that runs.

    :param url: its address.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def is_ready(self) -> bool:
        """Return whether it answers questions. It listens before that."""
        try:
            with urlopen(f"{self._url}/-/ready", timeout=TIMEOUT) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except HTTPError:
            return False

    def lines(self, expression: str, begin: float) -> list[tuple[dict[str, str], Line]]:
        """Return the lines that a graph of this expression has, by their labels.

        :param begin: the time of the first point, in seconds since the epoch. The last one is now.
        """
        span = {"start": begin, "end": time(), "step": _STEP_SECONDS}
        found = self._ask("query_range", query=expression, **span)["result"]
        return [(line["metric"], [float(value) for _, value in line["values"]]) for line in found]

    def label_values(self, series: str, label: str) -> list[str]:
        """Return the values of a label, as Grafana asks for those of a variable."""
        found: list[str] = self._ask(f"label/{label}/values", **{"match[]": series})
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules that it has loaded, with their state."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, kind: str, **parameters: object) -> Any:
        address = f"{self._url}/api/v1/{kind}?{urlencode(parameters)}"
        with urlopen(address, timeout=TIMEOUT) as answer:
            return json.load(answer)["data"]


@contextmanager
def scraping(port: int, place: Path) -> Iterator[Prometheus]:
    """Run a Prometheus with the configuration in docs/production.md and the alerts.

    It looks each second, and the alerts count seconds where they have minutes.

    :param port: of the service on 127.0.0.1.
    :param place: a folder of its own.
    """
    configuration = example()
    for word, other in {"localhost:8080": f"127.0.0.1:{port}", ": 15s": ": 1s"}.items():
        assert word in configuration
        configuration = configuration.replace(word, other)
    (place / "prometheus.yml").write_text(configuration)
    alerts = re.sub(r"\b(\d+)m\b", r"\1s", ALERTS.read_text("utf-8"))
    (place / ALERTS.name).write_text(alerts)
    log = place / "log"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    words = [program("prometheus"), *options, "--web.listen-address=127.0.0.1:0"]
    with log.open("wb") as file:
        process = subprocess.Popen(words, cwd=place, stdout=file, stderr=file)
    try:
        wait_until(lambda: _ADDRESS.search(log.read_text()), START_SECONDS, log.read_text)
        prometheus = Prometheus(f"http://{_ADDRESS.findall(log.read_text())[0]}")
        wait_until(prometheus.is_ready, START_SECONDS, log.read_text)
        yield prometheus
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
