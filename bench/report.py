"""The tables: in the terminal, and with what they were measured on in RESULTS.md."""

import datetime
import math
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        parts = ["## At a glance"]
        for title, cell in _OVERVIEWS.items():
            parts += [f"{title}:", _overview(self.plan, summaries, cell)]
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


# What is said of a server: its summary, and the one it is compared with.
Cell = Callable[[Summary, Summary | None], str]


def _overview(plan: Plan, summaries: Summaries, cell: Cell) -> str:
    """One figure of all servers under all loads; loads that do not have it are left out."""

    def column(load: Load) -> list[str]:
        found = [summaries.get((load.name, server.name)) for server in plan.servers]
        stock = summaries.get((load.name, STOCK))
        return [cell(summary, stock) if summary else NOTHING for summary in found]

    columns = {load.name: column(load) for load in plan.loads}
    telling = {name: cells for name, cells in columns.items() if set(cells) != {NOTHING}}
    names = [server.name for server in plan.servers]
    return _markdown(["server", *telling], list(zip(names, *telling.values(), strict=True)))


def _rate_cell(summary: Summary, _: Summary | None) -> str:
    if not summary.figures:
        return NOTHING
    if summary.cpu_says_more:
        return f"CPU {_duration(summary.figures.cpu)}"
    return _number(summary.figures.rate)


def _p99_cell(summary: Summary, _: Summary | None) -> str:
    if not summary.figures:
        return NOTHING
    unanswered = f" ({summary.figures.starved:,} unanswered)" if summary.figures.starved else ""
    return _duration(summary.figures.p99) + unanswered


def _saving_cell(summary: Summary, reference: Summary | None) -> str:
    """The reference's CPU time for each message, divided by this server's."""
    if not (summary.figures and reference and reference.figures):
        return NOTHING
    return _number(reference.figures.cpu / (summary.figures.cpu or math.nan))


_OVERVIEWS: Mapping[str, Cell] = {
    "Messages per second (`open-close`: connections; `10000-held`: connections opened)": _rate_cell,
    "99th percentile of the round trips, and connections without any answer": _p99_cell,
    f"Times less CPU time for each message (connection) than `{STOCK}`": _saving_cell,
}


def _table(plan: Plan, load: Load, summaries: Summaries) -> str:
    """Everything about one load; columns that say nothing here are left out."""
    columns = _columns(load, summaries)
    rows = []
    for server in plan.servers:
        summary = summaries.get((load.name, server.name))
        if summary is None:
            continue
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

    def saving(name: str) -> Callable[[Summary], str]:
        reference = summaries.get((load.name, name))
        return lambda summary: _saving_cell(summary, reference)

    return {
        f"{load.unit}/s": lambda summary: _rate_cell(summary, None),
        "lowest to highest": _range,
        "CPU each": of(lambda figures: _duration(figures.cpu)),
        "p50": of(lambda figures: _duration(figures.p50)),
        "p99": of(lambda figures: _duration(figures.p99)),
        "memory each": of(lambda figures: _kibibytes(figures.memory)),
        "page p50": of(lambda figures: _duration(figures.page_p50)),
        "page worst": of(lambda figures: _duration(figures.page_max)),
        f"x {STOCK}": against(STOCK),
        f"x {FLOOR}": against(FLOOR),
        f"x {STOCK} by CPU": saving(STOCK),
        f"x {FLOOR} by CPU": saving(FLOOR),
        "reply": of(lambda figures: _kibibytes(figures.reply)),
        "noise": of(lambda figures: _percentage(figures.foreign)),
        "stolen": of(lambda figures: _percentage(figures.stolen)),
        "lost": of(lambda figures: f"{figures.lost:,}"),
        "remarks": lambda summary: _remarks(summary, summaries.get((load.name, CEILING))),
    }


def _ratio(summary: Summary, reference: Summary | None) -> str:
    if not summary.figures or summary.cpu_says_more or (reference and reference.cpu_says_more):
        return NOTHING
    return _number(_share(summary.figures, reference))


def _range(summary: Summary) -> str:
    if summary.lowest == summary.highest or not summary.figures or summary.cpu_says_more:
        return NOTHING
    return f"{_number(summary.lowest)} to {_number(summary.highest)}"


def _remarks(summary: Summary, ceiling: Summary | None) -> str:
    remarks = [summary.failure]
    if figures := summary.figures:
        if figures.starved:
            remarks.append(f"{_count(figures.starved, 'connection')} got no answer at all")
        if summary.server != CEILING and _share(figures, ceiling) > NEAR_THE_CEILING:
            remarks.append("near the ceiling")
        if summary.cpu_says_more:
            remarks.append(f"{_percentage(figures.stolen)} stolen, so no rate")
        remarks += [figures.why, figures.extension]
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
own. The load generator (`bench/load.py`, `bench/exchange.py`) has another core, never sleeps, and
compares every byte that comes back with what an echo must be. The rounds alternate between the
servers. Pings are off and the largest message allowed is 16 MiB everywhere but in
`flask-echo-defaults`. Nothing is compressed but there and under `64KiB-json`, because the other
clients do not offer it.

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
- **x stock by CPU** and **x floor by CPU** are the CPU time for each message of `stock` and of
  `floor`, divided by this server's. Where they and the rates disagree, believe them: a rate also
  depends on the load generator, and on everything that disturbs the machine.
- **flask-echo-defaults** beside `flask-echo` shows what the default settings cost. Its clients
  offer `permessage-deflate; client_max_window_bits`, as browsers do. They compress every message,
  however short: Chromium does so too, because later messages refer to earlier ones. The service
  compresses its replies to them. 32 bytes become 34, because each frame is compressed by itself, so
  that the same bytes can be sent again; they take as long to inflate as a browser's, which are
  shorter. The loads of large messages leave it out: their bytes repeat and would shrink to nothing.
- **64KiB-json** is JSON as web applications send it: orders, the same in each run. Its clients
  offer compression as browsers do. Their frame is compressed beforehand, with a window of 12 bits,
  the largest that every server allows. Each reply must be compressed, and must inflate to the
  message. **reply** is its length on the wire. Each server compresses in its own way: both of
  websockets with a window of 12 bits, stock and aiohttp with 15; aiohttp with zlib's level 1.
- **noise** is the share of the two cores that other processes took during the measurement. Where
  it is more than a few percent, believe the CPU time before the rate.
- **stolen** is the share of the time for which the host of this virtual machine took one of the
  cores away (`st` in /proc/stat). Above 2 % the tables quote the CPU time for each message in place
  of the rate, and the chart has no bar.
- A dash means that there is no such figure, or that the server could not do it: see the remarks.

The servers:
"""
