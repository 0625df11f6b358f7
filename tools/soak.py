"""Soak the service in a mix of good and hostile clients: ``make soak``.

Two workers serve talkers, who check every echo, beside idlers, slow readers, floods, bombs,
resets, bad handshakes, reconnects, half headers and reloads. After it, memory, threads,
descriptors and seats must be back where they were. "Where they were" is measured after a
warm-up with the same mix: allocators and thread pools keep what they needed once.
"""

import itertools
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import click
from simple_websocket import ConnectionClosed

from tests.support import attackers
from tests.support.attackers import MIB, Attack, Target
from tests.support.clients import RawWebSocket, close_frame, deflated, frame, health
from tests.support.servers import Server
from tests.support.sieges import children, status
from tests.support.waiting import wait_until

WORKERS = 2
TALKERS = 8
TALKER = "127.0.0.2"
LONGEST_TEXT = 100_000  # bytes of a talker's message
RELOAD_SECONDS = 20.0
# The mix after the last reload is as long as the warm-up, so that both are like each other.
LONGEST_WARM_UP = 60.0
ROUND_SECONDS = 5.0
# Half headers have 10 seconds, deaf peers 20, then a closing handshake of 5.
SETTLE_SECONDS = 60.0

# What may be left, of both workers together.
MORE_MEMORY = 48 * MIB  # bytes: fragments of the allocator
MORE_THREADS = 150  # a pool keeps the threads of its busiest moment, which varies
MORE_FILES = 8  # for the probe that asks for the health, and kept-alive connections

# A restart of the service, which a talker must survive: 1001, and 1012 of other servers.
GOING_AWAY = {1001, 1012}

MIX: dict[str, Attack] = {
    "idlers": attackers.pongs(100),
    "slow readers": attackers.slow_readers(10),
    "floods": attackers.inflating(10),
    "bombs": attackers.in_turn(attackers.deaf_bombs(20, MIB), attackers.deaf_bombs(20, 16 * MIB)),
    "fragments": attackers.compressed_fragments(30),
    "resets": attackers.resets(200),
    "bad handshakes": attackers.bad_handshakes(200),
    "reconnects": attackers.come_and_go(200),
    "half headers": attackers.half_headers(100),
}


@dataclass
class Talk:
    """What the talkers did.

    :ivar failures: a reason for each wrong echo and each lost connection.
    """

    messages: int = 0
    reconnects: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """What the workers hold together, while nobody is connected."""

    workers: list[int]
    memory: int
    threads: int
    files: int
    seats: int

    @classmethod
    def of(cls, server: Server) -> "State":
        """Measure."""
        workers = children(server.process.pid)
        return cls(
            workers,
            sum(status(pid, "VmRSS") * 1024 for pid in workers),
            sum(status(pid, "Threads") for pid in workers),
            sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in workers),
            seats_taken(server),
        )


def seats_taken(server: Server) -> int:
    """Return the seats that are taken; ask often, because any worker may answer."""
    return max(int(health(server)["seats_taken"]) for _ in range(10 * WORKERS))


# -- The mix -------------------------------------------------------------------------------


def play(server: Server, seconds: float, talk: Talk, reload: bool) -> None:
    """Let everybody do what they do, for this long."""
    until = monotonic() + seconds
    target = Target(server.port)
    with ThreadPoolExecutor(len(MIX) + TALKERS + 1) as pool:
        jobs = [pool.submit(_repeat, attack, target, until) for attack in MIX.values()]
        jobs += [pool.submit(_talk, server.port, until, talk, seed) for seed in range(TALKERS)]
        if reload:
            jobs.append(pool.submit(_reload, server, until))
        for job in jobs:
            job.result()


def _repeat(attack: Attack, target: Target, until: float) -> None:
    while (left := until - monotonic()) > 0:
        attack(target, min(left, ROUND_SECONDS))
        sleep(0.1)  # An attack that is refused at once would spin.


def _reload(server: Server, until: float) -> None:
    while (due := monotonic() + RELOAD_SECONDS) < until:
        attackers.hold(due)
        server.process.send_signal(signal.SIGHUP)


def _talk(port: int, until: float, talk: Talk, seed: int) -> None:
    """Talk, and connect again after a restart of the service."""
    chance = random.Random(seed)
    while monotonic() < until:
        try:
            _converse(port, until, talk, chance)
        except ConnectionClosed:
            talk.reconnects += 1
        except (OSError, AssertionError) as error:
            talk.failures.append(f"{type(error).__name__}: {error}"[:200])
            sleep(0.1)


def _converse(port: int, until: float, talk: Talk, chance: random.Random) -> None:
    address = ("127.0.0.1", port)
    sock = socket.create_connection(address, 10, source_address=(TALKER, 0))
    with RawWebSocket(sock, changes=attackers.DEFLATE) as client:
        for number in itertools.count():
            payload = b"%d " % number * chance.choice((1, 10, 100, LONGEST_TEXT // 12))
            for data in _sent(payload, chance):
                client.send(data)
            _check(client, payload)
            talk.messages += 1
            if monotonic() > until:
                break
            sleep(chance.random() / 50)
        client.send(close_frame())
        client.receive()


def _sent(payload: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield the frames of a message: whole, in fragments around a ping, or compressed."""
    way = chance.randrange(3)
    if way == 0:
        yield frame(0x81, payload)
    elif way == 1:
        yield frame(0x01, payload[:5]) + frame(0x8A)
        yield frame(0x80, payload[5:])
    else:
        yield frame(0xC1, deflated(payload))


def _check(client: RawWebSocket, payload: bytes) -> None:
    """Read the echo.

    :raises ConnectionClosed: if the service restarts.
    """
    got = client.receive()
    if got.first == 0x88 and got.close_code in GOING_AWAY:
        raise ConnectionClosed(got.close_code)
    # The decompression is not what is tested here: a compressed echo only has to come.
    assert got.first == 0xC1 or (got.first, got.payload) == (0x81, payload), got[0]


# -- The verdict ---------------------------------------------------------------------------


def settle(server: Server) -> State:
    """Wait until nobody holds a seat, and each of the workers is there; then measure."""
    wait_until(lambda: len(children(server.process.pid)) == WORKERS, SETTLE_SECONDS)
    wait_until(lambda: seats_taken(server) == 0, SETTLE_SECONDS, server.describe)
    files: list[int] = []

    def is_steady() -> bool:
        sleep(1.0)
        files.append(State.of(server).files)
        return len(files) > 2 and files[-1] == files[-3]

    with suppress(AssertionError):  # Then the comparison says what has piled up.
        wait_until(is_steady, SETTLE_SECONDS)
    return State.of(server)


class Line(NamedTuple):
    """One quantity in each state, and by how much it may have grown since the warm-up."""

    name: str
    at_start: int
    before: int
    after: int
    growth: int

    @property
    def is_good(self) -> bool:
        return self.after <= self.before + self.growth


def compare(start: State, before: State, after: State) -> list[Line]:
    """Return the table."""
    states = (start, before, after)

    def line(name: str, growth: int, quantity: Callable[[State], int]) -> Line:
        at_start, warm, at_end = map(quantity, states)
        return Line(name, at_start, warm, at_end, growth)

    return [
        line("memory, MiB", MORE_MEMORY // MIB, lambda state: state.memory // MIB),
        line("threads", MORE_THREADS, lambda state: state.threads),
        line("descriptors", MORE_FILES, lambda state: state.files),
        line("seats taken", 0, lambda state: state.seats),
        line("workers", 0, lambda state: len(state.workers)),
    ]


def soak(server: Server, seconds: float) -> bool:
    """Warm up, soak, print the table, and return whether all is as it was."""
    warm_up = min(seconds / 4, LONGEST_WARM_UP)
    talk = Talk()
    start = settle(server)
    play(server, warm_up, talk, reload=False)
    before = settle(server)
    play(server, seconds - 2 * warm_up, talk, reload=True)
    wait_until(lambda: len(children(server.process.pid)) == WORKERS, SETTLE_SECONDS)
    workers = children(server.process.pid)
    play(server, warm_up, talk, reload=False)
    after = settle(server)
    lines = compare(start, before, after)
    click.echo(
        "| | at start | after the warm-up | at the end | may grow by |\n|---|---|---|---|---|"
    )
    for line in lines:
        click.echo(f"| {' | '.join(map(str, line))} |{'' if line.is_good else '  TOO MUCH'}")
    click.echo(
        f"{talk.messages} echoes were right, {len(talk.failures)} failed,"
        f" {talk.reconnects} reconnects after reloads"
    )
    troubles = [f"a talker failed: {failure}" for failure in sorted(set(talk.failures))[:10]]
    if after.workers != workers:
        troubles.append(f"workers were replaced without a reload: {workers}, {after.workers}")
    words = ("Traceback", "WORKER TIMEOUT", "was sent SIG")
    troubles += [f"the log has {word!r}" for word in words if word in server.output()]
    for trouble in troubles:
        click.echo(trouble)
    return not troubles and all(line.is_good for line in lines)


@click.command()
@click.option("--seconds", default=600, show_default=True, help="of load, with the warm-up")
def main(seconds: int) -> None:
    """Exit with 1 if anything is left over, or an echo was wrong."""
    server = Server("flask-echo", "--workers", str(WORKERS))
    try:
        good = soak(server, seconds)
    finally:
        server.stop()
        report = Path("reports")
        report.mkdir(exist_ok=True)
        (report / "soak.log").write_text(server.output())
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
