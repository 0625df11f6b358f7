"""From the records of several rounds to one row per load and server."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.plan import Record
from bench.scenarios import Figures


@dataclass(frozen=True)
class Summary:
    """The medians over the rounds of one load on one server, and the range of the rates.

    `failure` is not empty if any round failed; `figures` is None if all did.
    """

    load: str
    server: str
    figures: Figures | None
    lowest: float
    highest: float
    failure: str

    @property
    def cpu_says_more(self) -> bool:
        """Whether the CPU time is quoted, because the host took too much for a rate."""
        figures = self.figures
        return figures is not None and figures.stolen > MOST_STOLEN and not math.isnan(figures.cpu)


# Above this share of stolen time, a rate is not quoted. On a quiet machine, rates of equal runs
# differ by about as much.
MOST_STOLEN = 0.02

_MEASURED = (
    "rate", "cpu", "p50", "p99", "memory", "page_p50", "page_max", "foreign", "stolen", "reply",
)  # fmt: skip

Summaries = dict[tuple[str, str], Summary]


def summarise(records: Iterable[Record]) -> Summaries:
    """Return the summaries by names of load and server, in the order of the records."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.load, record.server), []).append(record)
    return {where: _summary(group) for where, group in groups.items()}


def _summary(group: Sequence[Record]) -> Summary:
    found = [record.figures for record in group if record.figures is not None]
    rates = [figures.rate for figures in found]
    failures = [record.failure for record in group if record.failure]
    failure = failures[0] if failures else ""
    if failure and found:
        failure = f"{len(failures)} of {len(group)} rounds: {failure}"
    return Summary(
        load=group[0].load,
        server=group[0].server,
        figures=_median(found) if found else None,
        lowest=min(rates, default=math.nan),
        highest=max(rates, default=math.nan),
        failure=failure,
    )


def _median(found: Sequence[Figures]) -> Figures:
    """Take the median of each number; counts and reasons of losses are the worst round's."""
    worst = max(found, key=lambda figures: (figures.lost, figures.starved))
    medians = {
        name: statistics.median(known)
        for name in _MEASURED
        if (known := [value for value in (getattr(f, name) for f in found) if value == value])
    }
    return dataclasses.replace(worst, **medians)


def as_json(record: Record) -> dict[str, Any]:
    """Return a record for the file of raw data: NaN as null, without the server's output."""
    raw = dataclasses.asdict(record)
    del raw["output"]
    raw["figures"] = raw["figures"] and {
        name: None if value != value else value for name, value in raw["figures"].items()
    }
    return raw
