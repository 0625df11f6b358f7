"""Measure what an idle connection costs: memory of the process and the kernel, CPU for its pings.

python -m tools.idle --connections 5000
python -m tools.idle --connections 2000 --tls

The service runs in a control group, with its default settings but for the number of seats and the
interval of pings. The clients offer compression, as browsers do. docs/scaling.md has the figures.
"""

import os
import selectors
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import click

from tests.support.attackers import Target, websockets
from tests.support.cgroups import Group, group
from tests.support.clients import frame
from tests.support.servers import Server, command
from tests.support.sieges import children, status
from tests.support.tls import issue, trusting

_BATCH = 500
_PONG = frame(0x8A)
# Pings of the first interval are spread as the handshakes were.
_INTERVALS = 4
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class State:
    """What a worker uses.

    :ivar process: resident memory in bytes.
    :ivar all: memory of the control group in bytes, that of the kernel included.
    :ivar cpu: seconds since the start.
    """

    process: int
    all: int
    cpu: float

    @classmethod
    def of(cls, place: Group, worker: int) -> "State":
        """Look."""
        with open(f"/proc/{worker}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])  # utime and stime, see proc(5)
        return cls(status(worker, "VmRSS") * 1024, place.used_bytes(), ticks / _TICKS)


@click.command()
@click.option("--connections", type=click.IntRange(1, 9000), default=5000, show_default=True)
@click.option("--interval", type=click.FloatRange(1, 60), default=5.0, show_default=True)
@click.option("--tls", is_flag=True, help="TLS ends in gunicorn.")
def main(connections: int, interval: float, tls: bool) -> None:
    """Open connections that only answer pings, and print what each of them costs."""
    settings = {"MAX_CONNECTIONS": connections, "PING_INTERVAL_SECONDS": interval}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        place = stack.enter_context(group())
        certificate = issue(folder) if tls else []
        server = stack.enter_context(_served(place, certificate, settings))
        target = Target(server.port, tls=trusting() if tls else None)
        worker = children(server.process.pid)[0]
        empty = State.of(place, worker)
        socks = [sock for batch in _opened(target, connections, stack) for sock in batch]
        held = State.of(place, worker)
        pings = _answer(socks, interval * _INTERVALS)
        pinged = State.of(place, worker)
    count = len(socks)
    print(f"{count} connections, one worker, {pings} pings")
    print(f"process: {(held.process - empty.process) / count / 1024:.1f} KiB each")
    print(f"process and kernel: {(held.all - empty.all) / count / 1024:.1f} KiB each")
    print(f"handshake: {(held.cpu - empty.cpu) / count * 1e6:.0f} µs of CPU each")
    print(f"ping: {(pinged.cpu - held.cpu) / pings * 1e6:.0f} µs of CPU each")


@contextmanager
def _served(place: Group, arguments: Sequence[str], settings: dict[str, float]) -> Iterator[Server]:
    words = place.words([*command("flask-echo"), *arguments])
    server = Server("flask-echo", words=words, **settings)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.stop()


def _opened(target: Target, count: int, stack: ExitStack) -> Iterator[list[socket.socket]]:
    for begun in range(0, count, _BATCH):
        batch = min(_BATCH, count - begun)
        yield stack.enter_context(websockets(target, batch, compress=True))


def _answer(socks: list[socket.socket], seconds: float) -> int:
    """Answer pings for some seconds. Return how many there were."""
    until, pings = monotonic() + seconds, 0
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
        while monotonic() < until:
            for key, _ in selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                # The rest of the handshake may be in the buffer, too. It has no ping in it.
                if b"\x89" in _received(key.fileobj):
                    key.fileobj.send(_PONG)
                    pings += 1
    return pings


def _received(sock: socket.socket) -> bytes:
    """Return all that has arrived. TLS may keep some of it in a buffer of its own."""
    data = b""
    with suppress(BlockingIOError, ssl.SSLWantReadError):
        while piece := sock.recv(65_536):
            data += piece
    return data


if __name__ == "__main__":
    main()
