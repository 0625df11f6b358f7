"""Measure what metrics cost a message: `make metrics-cost`.

The service runs twice, with metrics on and off. `--base DIRECTORY` adds another checkout of it,
such as one from before it had metrics. 64 connections exchange small messages with one of them at
a time, in rounds of half a second and in random order. The figure is the ratio of CPU time per
message, round by round, so it holds while the speed of the machine drifts. All start several
times, because two starts of the same program differ by up to two percent.
"""

import math
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click

from bench.exchange import Exchange
from bench.load import Target, open_connections
from bench.measure import Cores, ServerProcess, free_port, running
from bench.servers import PROJECT, SERVERS
from bench.wire import Message

ROOT = Path(__file__).parent.parent
CONNECTIONS = 64
MESSAGE = Message.of(32)
START_SECONDS = 20.0
WARM_UP_SECONDS = 3.0
ROUND_SECONDS = 0.5
SETTLE_SECONDS = 0.1  # not measured: the service was idle while others had their turns
METRICS = {"FLASK_ECHO_METRICS": "true"}


@dataclass(frozen=True)
class Contender:
    """A running service with its open connections."""

    process: ServerProcess
    exchange: Exchange

    def seconds_per_message(self) -> float:
        """Exchange messages for one round. Return the CPU time of the service for each."""
        self.exchange.run(SETTLE_SECONDS)
        before = self.process.cpu_seconds()
        used, messages = 0.0, 0
        while not used:  # On a busy machine it may get no tick of the clock in one round.
            messages += self.exchange.run(ROUND_SECONDS).messages
            used = self.process.cpu_seconds() - before
        return used / messages


@contextmanager
def _serving(directory: Path, settings: Mapping[str, str]) -> Iterator[Contender]:
    (project,) = (server for server in SERVERS if server.name == PROJECT)
    target, cores = Target(free_port()), Cores.available()
    environment = {**project.environment, "PYTHONPATH": str(directory), **settings}
    words = project.command.format(python=sys.executable, port=target.port).split()

    def trouble() -> str:
        opened = open_connections(target, 1, MESSAGE, seconds=START_SECONDS)
        opened.close()
        return "" if opened.completed else "no answer"

    with running(words, environment, directory, cores.server) as process:
        process.wait_until(trouble, START_SECONDS)
        opened = open_connections(target, CONNECTIONS, MESSAGE, seconds=START_SECONDS)
        if opened.completed < CONNECTIONS:
            raise process.failed(f"opened {opened.completed} of {CONNECTIONS} connections")
        with Exchange(opened.sockets, MESSAGE, spin=cores.apart) as exchange:
            exchange.run(WARM_UP_SECONDS)
            yield Contender(process, exchange)


def _ratio(name: str, ours: list[float], theirs: list[float]) -> str:
    """Describe the ratio of two series: its median, and the 95 % interval of the median."""
    ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    # The ranks that bound the median of n values: n / 2 -+ 1.96 * sqrt(n) / 2.
    half = 0.98 * math.sqrt(len(ratios))
    low = ratios[max(0, math.floor(len(ratios) / 2 - half))]
    high = ratios[min(len(ratios) - 1, math.ceil(len(ratios) / 2 + half))]
    return f"{name:<10} {median(ratios):.4f}  ({low:.4f} to {high:.4f})"


@click.command()
@click.option("--starts", type=click.IntRange(1, 100), default=8, show_default=True)
@click.option("--rounds", type=click.IntRange(1, 10_000), default=25, show_default=True)
@click.option("--base", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(starts: int, rounds: int, base: Path | None) -> None:
    """Print CPU time per message, with metrics and without, and their ratios."""
    kinds: dict[str, tuple[Path, Mapping[str, str]]] = {"off": (ROOT, {}), "on": (ROOT, METRICS)}
    if base:
        kinds["base"] = (base.resolve(), {})
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(starts):
        with ExitStack() as stack:
            served = {name: stack.enter_context(_serving(*kind)) for name, kind in kinds.items()}
            for _ in range(rounds):
                for name in random.sample(list(served), len(served)):
                    seconds[name].append(served[name].seconds_per_message())
    print(f"{CONNECTIONS} connections, {starts} times {rounds} rounds of {ROUND_SECONDS:g} s each")
    for name, each in seconds.items():
        print(f"{name:<10} {median(each) * 1e6:.2f} µs of CPU a message")
    print(_ratio("on / off", seconds["on"], seconds["off"]))
    if base:
        print(_ratio("off / base", seconds["off"], seconds["base"]))


if __name__ == "__main__":
    main()
