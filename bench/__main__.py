"""``python -m bench``: measure the echo service and its peers side by side."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from bench.chart import write_chart
from bench.measure import Cores, allow_many_files
from bench.plan import ROOT, Plan, Record
from bench.report import Report
from bench.results import as_json
from bench.scenarios import LOADS, Load
from bench.servers import PROJECT, SERVERS, Server

DEFAULT_OUTPUT = ROOT / "bench" / "RESULTS.md"
QUICK_SECONDS = 0.3

Choosable = TypeVar("Choosable", Load, Server)


class Names(click.ParamType[list[Choosable]]):
    """A comma-separated choice of things that have a name, in the order given."""

    name = "names"

    def __init__(self, known: Sequence[Choosable]) -> None:
        self.known: dict[str, Choosable] = {thing.name: thing for thing in known}

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[Choosable]:
        """Return the things named; fail with the list of all if there is no such name."""
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        unknown = [name for name in names if name not in self.known]
        if unknown:
            self.fail(f"{', '.join(unknown)}; there are: {', '.join(self.known)}", param, ctx)
        return [self.known[name] for name in names]


def _all(things: Sequence[Choosable]) -> str:
    return ",".join(thing.name for thing in things)


@click.command(context_settings={"show_default": True})
@click.option("--loads", type=Names(LOADS), default=_all(LOADS), help="Loads, by name.")
@click.option("--servers", type=Names(SERVERS), default=_all(SERVERS), help="Servers, by name.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Medians are taken over these.")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=3.0, help="Duration of a measurement."
)
@click.option("--quick", is_flag=True, help="A smoke run: one short round, fewer connections.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the results go, with the chart (.svg) beside them; a smoke run needs this to"
    " write any.  [default: bench/RESULTS.md]",
)
@click.option(
    "--json", "raw", type=click.File("w", lazy=True), help="Write the data of every round here."
)
def main(
    loads: list[Load],
    servers: list[Server],
    rounds: int,
    seconds: float,
    quick: bool,
    output: Path | None,
    raw: TextIO | None,
) -> None:
    """Measure the echo service and its peers side by side, and write down the results."""
    cores = Cores.available()
    if not cores.apart:
        click.echo("Only one core: server and load generator share it.", err=True)
    os.sched_setaffinity(0, {cores.generator})
    allow_many_files()
    if quick:
        loads, rounds, seconds = [load.reduced() for load in loads], 1, QUICK_SECONDS
    with tempfile.TemporaryDirectory() as directory:
        plan = Plan(loads, servers, rounds, seconds, cores, Path(directory))
        report = Report(plan, list(_with_progress(plan)), quick)
    click.echo(report.tables())
    if raw:
        json.dump([as_json(record) for record in report.records], raw, indent=1)
    if output or not quick:
        _write(report, output or DEFAULT_OUTPUT)
    # Peers may fail, which is a result; this project may not.
    if any(record.failure for record in report.records if record.server == PROJECT):
        raise SystemExit(1)


def _with_progress(plan: Plan) -> Iterator[Record]:
    """Run the plan, with a line for each measurement and the time that is left."""
    began = time.monotonic()
    for done, record in enumerate(plan.run(), start=1):
        elapsed = time.monotonic() - began
        left = elapsed / done * (len(plan) - done)
        result = f"{record.figures.rate:,.0f}/s" if record.figures else record.failure
        progress = f"[{done}/{len(plan)}, {left / 60:.0f} min left]"
        click.echo(f"{progress} {record.load}, {record.server}: {result}", err=True)
        if record.output:
            click.echo(record.output, err=True)
        yield record


def _write(report: Report, output: Path) -> None:
    chart = output.with_name(f"{output.stem.lower()}.svg")
    output.write_text(report.document(chart.name), "utf-8")
    chart.write_bytes(write_chart(report.plan, report.summaries))
    click.echo(
        f"written: {click.format_filename(output)}, {click.format_filename(chart)}", err=True
    )


if __name__ == "__main__":
    main()
