"""deploy/grafana.json, and the lines that Grafana would draw with it."""

import json
import math
import re
from itertools import chain
from time import time
from typing import Any

from tests.support.prometheus import Prometheus
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

FILE = ROOT / "deploy/grafana.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
PANELS: dict[str, dict[str, Any]] = {
    panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"
}

# Prometheus looks once a second, and a rate needs two looks. The rest is for a busy machine.
PATIENCE = 20

# A line: the title of its panel, and its legend.
Name = tuple[str, str]
Line = list[float]

# What Grafana puts in place of variables: the choice of the reader, here all instances, and its
# own. $__rate_interval is at least four times the interval of the looks.
_VALUES = {"job": "flask-echo", "instance": ".*", "__rate_interval": "4s"}
_LABEL = re.compile(r"{{(\w+)}}")


class Board:
    """The panels, as they change from a moment on.

    :param prometheus: has the figures.
    :ivar began: the beginning, in seconds since the epoch.
    """

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self.began = self._since = time()

    def mark(self) -> None:
        """Compare with this moment from now on: just after a look, while none is under way."""
        last = self._last_look()
        wait_until(lambda: self._last_look() > last, PATIENCE)
        self._since = time()

    def _last_look(self) -> float:
        looks = self._prometheus.lines("timestamp(up)", time())
        return max((line[-1] for _, line in looks), default=0)

    def await_value(self, name: Name, value: float) -> None:
        """Wait until a line has this value now."""
        wait_until(lambda: self._line(name)[-1] == value, PATIENCE, lambda: str(self._line(name)))

    def await_changes(self, rising: list[Name], falling: list[Name] | None = None) -> None:
        """Wait until these lines have been above or below their value at the moment."""

        def unchanged() -> dict[Name, Line]:
            up = {name: self._line(name) for name in rising}
            down = {name: self._line(name) for name in falling or []}
            still = {name: line for name, line in up.items() if max(line) <= line[0]}
            return still | {name: line for name, line in down.items() if min(line) >= line[0]}

        wait_until(lambda: not unchanged(), PATIENCE, lambda: str(unchanged()))

    def _line(self, name: Name) -> Line:
        """Return a line since the moment. Where it is missing or not defined, it counts as 0."""
        title, legend = name
        for target in PANELS[title]["targets"]:
            for labels, line in self._prometheus.lines(_expression(target), self._since):
                if _legend(target, labels) == legend:
                    return [0 if math.isnan(value) else value for value in line]
        return [0]

    def queries_without_values(self) -> list[Name]:
        """Return the queries that have had no value since the beginning."""
        return [
            (title, target["expr"])
            for title, panel in PANELS.items()
            for target in panel["targets"]
            if not self._has_values(target)
        ]

    def _has_values(self, target: dict[str, Any]) -> bool:
        found = self._prometheus.lines(_expression(target), self.began)
        return not all(map(math.isnan, chain.from_iterable(line for _, line in found)))

    def choices(self, variable: str) -> list[str]:
        """Return the values among which the reader of the dashboard may choose."""
        (found,) = (v for v in DASHBOARD["templating"]["list"] if v["name"] == variable)
        query = re.fullmatch(r"label_values\((.+), (\w+)\)", found["query"]["query"])
        assert query is not None, found
        return self._prometheus.label_values(_with_values(query[1]), query[2])


def _expression(target: dict[str, Any]) -> str:
    return _with_values(target["expr"])


def _with_values(text: str) -> str:
    return re.sub(r"\$(\w+)", lambda found: _VALUES[found[1]], text)


def _legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    return _LABEL.sub(lambda found: labels.get(found[1], ""), target["legendFormat"])
