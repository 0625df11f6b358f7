"""Cases of the diagnosis: a measurement and its verdict. They hold for the terminal and the page.

Each has a ``name``, the ``check``, the ``id`` of the verdict and the ``product``, and either
``evidence`` of an attempt to open a WebSocket or what was ``measured``.
"""

import json
from collections.abc import Callable
from typing import Any

from flask_echo.diagnosis.facts import (
    Facts,
    arrival_facts,
    compression_facts,
    connection_facts,
    idle_facts,
    round_trip_facts,
    size_facts,
)
from tests.support.servers import ROOT

CASES: list[dict[str, Any]] = json.loads((ROOT / "tests/cases/diagnosis.json").read_text())
NAMES = [f"{case['check']}: {case['name']}" for case in CASES]

MEASURES: dict[str, Callable[..., Facts]] = {
    "round-trip": round_trip_facts,
    "message-size": size_facts,
    "idle": idle_facts,
}


def facts_of(case: dict[str, Any]) -> Facts:
    """The facts of a case, as the terminal makes them."""
    if "measured" in case:
        return MEASURES[case["check"]](**case["measured"])
    evidence = case["evidence"]
    facts = connection_facts(evidence) | arrival_facts(evidence)
    return facts | compression_facts(evidence, case.get("agreed", True))
