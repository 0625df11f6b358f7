"""A fast selection of the matrix: cells that need no wait. ``make matrix`` runs all."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flask_echo.diagnosis.cures import CURES
from tests.matrix.backends import Backends
from tests.matrix.cell import cells, cured, judged, run
from tests.matrix.expectations import EXPECTED
from tests.support.products import PRODUCTS

# Products of Debian, which start quickly. The first has all faults, the others those that differ.
_ALL = ("nginx",)
# The rest is in the slow level.
_FAST = ("correct", "http-1.0", "host-changed", "path-rewritten", "server-down", "proxy-401")
_SOME = ("Apache", "HAProxy", "Varnish", "lighttpd", "squid", "h2o")
_DIFFERENT = ("correct", "upgrade-not-passed-on", "host-changed", "server-down")
_SLOW = ("server-slow", "proxy-limit", "two-servers")
SELECTION = [
    pytest.param(
        product, fault, marks=[] if product in _ALL and fault in _FAST else pytest.mark.slow
    )
    for product, fault in cells()
    if not EXPECTED[fault].idle_seconds
    and fault not in _SLOW
    and (product in _ALL or (product in _SOME and fault in _DIFFERENT))
]


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    with ExitStack() as stack:
        yield Backends(tmp_path_factory.mktemp("backends"), stack)


@pytest.mark.parametrize(("product", "fault"), SELECTION)
def test_the_probe_names_the_fault(
    backends: Backends, tmp_path: Path, product: str, fault: str
) -> None:
    result = run(product, fault, backends.words(fault), tmp_path)
    assert result.outcome == "right", result


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["upgrade-not-passed-on", "host-changed", "path-not-routed"])
def test_a_pasted_cure_mends_the_fault(backends: Backends, fault: str) -> None:
    result = cured("nginx", fault, backends.words(fault))
    assert result is not None
    assert result.outcome == "right", result


# -- The judge of the cells ----------------------------------------------------------------


def report(*checks: dict[str, Any]) -> dict[str, Any]:
    base = {"verdict": "good", "product": "", "cures": {}, "meaning": ""}
    return {"seconds": 0.1, "checks": [base | check for check in checks]}


DOWN = {"check": "connection", "id": "server-down", "verdict": "bad", "cures": CURES}


@pytest.mark.parametrize(
    ("checks", "outcome", "reason"),
    [
        ([DOWN], "right", ""),
        ([{**DOWN, "id": "proxy-403"}], "wrong", "connection: proxy-403: "),
        ([{**DOWN, "id": "unknown", "verdict": "unknown"}], "unknown", "connection: unknown: "),
        ([{**DOWN, "product": "squid"}], "wrong", "taken for squid"),
        ([{**DOWN, "cures": {}}], "wrong", "without the cure"),
        (
            [DOWN, {"check": "host", "id": "host-changed", "verdict": "notable"}],
            "wrong",
            "also accused: host-changed",
        ),
    ],
)
def test_a_report_is_judged(checks: list[dict[str, Any]], outcome: str, reason: str) -> None:
    result = judged("nginx", "server-down", report(*checks))
    assert (result.outcome, result.reason) == (outcome, reason)


def test_every_fault_is_a_cell_of_some_product_or_has_a_reason() -> None:
    for name, product in PRODUCTS.items():
        for fault in (*product.faults, *product.impossible, *product.cured):
            assert fault in EXPECTED or fault == "key-missing", (name, fault)
    possible = {fault for _, fault in cells()}
    assert possible == set(EXPECTED)
