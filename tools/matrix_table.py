"""docs/matrix.md, from the results of a run."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from tests.matrix.cell import Result
from tests.matrix.expectations import EXPECTED, OF_THE_SERVER
from tests.matrix.page import WITHOUT_PAGE
from tests.support.products import PRODUCTS

_TITLES = {
    "probe": "Through the probe",
    "page": "Through the page, in Chromium",
    "cures": "After the cure was pasted",
}
_MARKS = {"right": "\u2713", "unknown": "?", "wrong": "\u2717"}

_HEAD = """\
# How Diagnose judges real proxies

Each cell is a real proxy in front of this service, with one fault in its configuration. The
expectations were written before the cells ran (tests/matrix/expectations.py).

- \u2713: the verdict names the fault, accuses nobody else, and shows the cure of this product.
- ?: the verdict is "unknown".
- \u2717: wrong.
- \u2013: the product cannot have the fault; the reasons are at the end.

The number is how many seconds the run took. Idle cells wait for a cut, and for a second one.

`make matrix` writes this page.
"""


def write(runs: Mapping[str, Sequence[Result]]) -> str:
    """Return the page.

    :param runs: results by what they were run through: ``probe``, ``page`` or ``cures``.
    """
    lines = [_HEAD, f"This run: {datetime.now(UTC):%Y-%m-%d}."]
    for name, results in runs.items():
        lines += ["", f"## {_TITLES[name]}", "", _sum(results), "", *_table(results)]
        lines += _exceptions(results)
    lines += ["", "## Why a product cannot have a fault", "", *_impossible()]
    lines += ["", "## Faults without a page", ""]
    lines += [f"- `{fault}`: {reason}." for fault, reason in WITHOUT_PAGE.items()]
    return "\n".join(lines) + "\n"


def _sum(results: Sequence[Result]) -> str:
    right = sum(result.outcome == "right" for result in results)
    wrong = sum(result.outcome == "wrong" for result in results)
    unknown = len(results) - right - wrong
    share = 100 * right / len(results)
    return f"{len(results)} cells: {right} right ({share:.1f} %), {unknown} unknown, {wrong} wrong."


def _table(results: Sequence[Result]) -> Iterator[str]:
    found = {(result.product, result.fault): result for result in results}
    names = [name for name in PRODUCTS if any(product == name for product, _ in found)]
    yield f"| fault | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for fault in EXPECTED:
        row = [found.get((name, fault)) for name in names]
        if any(row):
            cells = [_cell(result, name, fault) for result, name in zip(row, names, strict=True)]
            yield f"| `{fault}` | {' | '.join(cells)} |"


def _cell(result: Result | None, product: str, fault: str) -> str:
    if result is None:
        can = fault in PRODUCTS[product].faults or fault in ("correct", *OF_THE_SERVER)
        return "" if can else "\u2013"
    return f"{_MARKS[result.outcome]} {result.seconds:.1f}"


def _exceptions(results: Sequence[Result]) -> list[str]:
    bad = [result for result in results if result.outcome != "right"]
    return [""] * bool(bad) + [
        f"- {result.product}, `{result.fault}`: {result.outcome}. Said: {result.reason}"
        for result in bad
    ]


def _impossible() -> Iterator[str]:
    for name, product in PRODUCTS.items():
        for fault, reason in product.impossible.items():
            yield f"- {name}, `{fault}`: {reason}."
