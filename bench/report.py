"""The tables: in the terminal, and with what they were measured on in RESULTS.md."""

import datetime
import math
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tabulate import tabulate

from bench.measure import files_allowed
from bench.plan import Plan, Record
from bench.results import Summaries, Summary, summarise
from bench.scenarios import Figures, Load
from bench.servers import CEILING, FLOOR, STOCK, Server

NOTHING = "-"
NEAR_THE_CEILING = 0.8


@dataclass(frozen=True)
class Report:
    """The results of a plan; `quick` marks them as a smoke run."""

    plan: Plan
    records: Sequence[Record]
    quick: bool = False

    @property
    def summaries(self) -> Summaries:
        """The medians, by load and server."""
        return summarise(self.records)

    def tables(self) -> str:
        """Return all tables as Markdown, which reads well in a terminal too."""
        summaries = self.summaries
        parts = ["## At a glance", _overview(self.plan, summaries)]
        for load in self.plan.loads:
            parts += [f"## `{load.name}`", f"{load.summary}.", _table(self.plan, load, summaries)]
        return "\n\n".join(parts)

    def document(self, chart: str) -> str:
        """Return the text of RESULTS.md; `chart` is the name of the picture beside it."""
        warning = "**A smoke run: a tenth of the connections. Its figures mean nothing.**"
        parts = [
            "# Benchmark results",
            *([warning] if self.quick else []),
            f"![Messages per second for each load and server]({chart})",
            self._circumstances(),
            self.tables(),
            "## How to read this",
            HOW_TO_READ,
            _legend(self.plan.servers),
        ]
        return "\n\n".join(parts) + "\n"

    def _circumstances(self) -> str:
        plan = self.plan
        packages = {name for server in plan.servers for name in server.packages}
        shares = (record.figures.foreign for record in self.records if record.figures)
        noise = [share for share in shares if not math.isnan(share)]
        lines = [
            f"Date: {datetime.date.today().isoformat()}",
            f"Machine: {_cpu_model()}, Linux {platform.release()}",
            f"Python: {platform.python_implementation()} {platform.python_version()}",
            f"Packages: {', '.join(map(_version, sorted(packages)))}",
            f"Run: {_count(plan.rounds, 'round')} of {plan.seconds:g} s for each figure, medians;"
            f" up to {files_allowed():,} open files",
            _placement(plan),
        ]
        if noise:
            typical, worst = statistics.median(noise), max(noise)
            lines.append(f"Noise: typically {typical:.0%} of these cores, at worst {worst:.0%}")
        return "\n".join(f"- {line}" for line in lines)


def _placement(plan: Plan) -> str:
    if plan.cores.apart:
        return "Cores: one for the server, another for the load generator"
    return "Cores: **one for both server and load generator**; compare with nothing"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} not installed"


# The tables


def _overview(plan: Plan, summaries: Summaries) -> str:
    """Rates of all servers under all loads."""
    rows = [
        [server.name, *(_rate_cell(summaries[load.name, server.name]) for load in plan.loads)]
        for server in plan.servers
    ]
    headers = ["per second", *(_overview_title(load) for load in plan.loads)]
    return _markdown(headers, rows)


def _overview_title(load: Load) -> str:
    return load.name if load.unit == "messages" else f"{load.name} ({load.unit})"


def _rate_cell(summary: Summary) -> str:
    return _number(summary.figures.rate) if summary.figures else NOTHING


def _table(plan: Plan, load: Load, summaries: Summaries) -> str:
    """Everything about one load; columns that say nothing here are left out."""
    columns = _columns(load, summaries)
    rows = []
    for server in plan.servers:
        summary = summaries[load.name, server.name]
        rows.append([server.name, *(cell(summary) for cell in columns.values())])
    headers = ["server", *columns]
    telling = [i for i in range(len(headers)) if any(row[i] not in ("", NOTHING) for row in rows)]
    return _markdown([headers[i] for i in telling], [[row[i] for i in telling] for row in rows])


def _columns(load: Load, summaries: Summaries) -> dict[str, Callable[[Summary], str]]:
    def of(cell: Callable[[Figures], str]) -> Callable[[Summary], str]:
        return lambda summary: cell(summary.figures) if summary.figures else NOTHING

    def against(name: str) -> Callable[[Summary], str]:
        reference = summaries.get((load.name, name))
        return lambda summary: _ratio(summary, reference)

    return {
        f"{load.unit}/s": of(lambda figures: _number(figures.rate)),
        "lowest to highest": _range,
        "CPU each": of(lambda figures: _duration(figures.cpu)),
        "p50": of(lambda figures: _duration(figures.p50)),
        "p99": of(lambda figures: _duration(figures.p99)),
        "memory each": of(lambda figures: _kibibytes(figures.memory)),
        "page p50": of(lambda figures: _duration(figures.page_p50)),
        "page worst": of(lambda figures: _duration(figures.page_max)),
        f"x {STOCK}": against(STOCK),
        f"x {FLOOR}": against(FLOOR),
        "noise": of(lambda figures: _percentage(figures.foreign)),
        "lost": of(lambda figures: f"{figures.lost:,}"),
        "remarks": lambda summary: _remarks(summary, summaries.get((load.name, CEILING))),
    }


def _ratio(summary: Summary, reference: Summary | None) -> str:
    return _number(_share(summary.figures, reference)) if summary.figures else NOTHING


def _range(summary: Summary) -> str:
    if summary.lowest == summary.highest or not summary.figures:
        return NOTHING
    return f"{_number(summary.lowest)} to {_number(summary.highest)}"


def _remarks(summary: Summary, ceiling: Summary | None) -> str:
    remarks = [summary.failure]
    if figures := summary.figures:
        if figures.starved:
            remarks.append(f"{_count(figures.starved, 'connection')} got no answer at all")
        if summary.server != CEILING and _share(figures, ceiling) > NEAR_THE_CEILING:
            remarks.append("near the ceiling")
        remarks.append(figures.why)
    return "; ".join(filter(None, remarks)).replace("|", "\\|")


def _share(figures: Figures, of: Summary | None) -> float:
    """Return the rate as a share of another's; NaN, which is not greater than anything, if none."""
    return figures.rate / of.figures.rate if of and of.figures and of.figures.rate else math.nan


def _legend(servers: Iterable[Server]) -> str:
    return "\n".join(f"- `{server.name}`: {server.summary}." for server in servers)


def _markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    alignment = ["left" if title in ("server", "remarks") else "right" for title in headers]
    alignment[0] = "left"
    return tabulate(
        rows, headers, tablefmt="github", disable_numparse=True, colalign=tuple(alignment)
    )


# Numbers, with three digits or so


def _number(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    if math.isnan(seconds):
        return NOTHING
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"


def _percentage(share: float) -> str:
    return NOTHING if math.isnan(share) else f"{share:.0%}"


def _kibibytes(size: float) -> str:
    return NOTHING if math.isnan(size) else f"{size / 1024:.1f} KiB"


HOW_TO_READ = """\
Everything runs on one machine, over the loopback interface, so only the ratios within one run
count. Each figure comes from a fresh server process (gunicorn with one worker) on a core of its
own. The load generator (`bench/load.py`) has another core, never sleeps, and compares every byte
that comes back with what an echo must be. The rounds alternate between the servers. Compression
and pings are off everywhere, the largest message allowed is 16 MiB everywhere.

- **CPU each** is the server's CPU time (user and kernel, all its processes) per message.
- **p50, p99** are round trips as the generator sees them: with many connections mostly the wait
  for their turn. Where connections got no answer at all, their wait so far counts as a sample.
- **open-close** is per connection: TCP, upgrade, one message, close frames both ways, end of TCP.
- **memory each** is the growth of the server's resident memory per idle connection, without what
  the kernel keeps for it (socket buffers, thread stacks in the kernel).
- **page** is `GET /` on a new connection while all the others are held; only the two Flask
  applications have one.
- **floor** is a thread per connection that receives and sends fixed bytes, with the switch
  interval that this project's worker sets (0.1 s). It answers all messages that came in one read
  with one send, so with 16 in flight it makes fewer calls than a server that answers one by one.
- **ceiling** is the load generator's own limit: the same answers from a C program. Of a figure
  near it (80 % and more) most is the generator's and the kernel's time, not the server's.
- **lost** connections ended early or got a wrong answer; in open-close they are the lives that
  did not come to a proper end.
- **noise** is the share of the two cores that other processes took during the measurement. Where
  it is more than a few percent, believe the CPU time before the rate.
- A dash means that there is no such figure, or that the server could not do it: see the remarks.

The servers:
"""
