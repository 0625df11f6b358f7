"""Well-behaved clients beside an attack, in a process of their own: what do they notice of it?

Fifty open WebSockets talk several times a second. A visitor opens pages, and a newcomer opens
WebSockets. Each kind comes from an address of its own; none is the attacker's.
"""

import itertools
import json
import selectors
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

from tests.support.clients import RawWebSocket, frame
from tests.support.servers import ROOT, START_SECONDS, STOP_SECONDS

TALKERS = 50
INTERVAL_SECONDS = 0.3
PATIENCE_SECONDS = 10.0
READY = "ready"
TALKER, VISITOR, NEWCOMER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass
class Waits:
    """How long one kind of client waited, in seconds, and what else it got.

    :ivar failures: one text for each connection that was lost, or did not come about.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def longest(self) -> float:
        return max(self.seconds, default=0.0)

    def percentile(self, percent: int) -> float:
        """Return the wait that this share of all waits did not exceed."""
        if len(self.seconds) < 2:
            return self.longest
        return statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


@dataclass
class Report:
    """What the bystanders noticed."""

    talkers: Waits = field(default_factory=Waits)
    visitors: Waits = field(default_factory=Waits)
    newcomers: Waits = field(default_factory=Waits)


class Bystanders:
    """The process with the bystanders. They talk when this has been made, until :meth:`finish`."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.bystanders", str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip() == READY, line

    def finish(self) -> Report:
        """Let them leave, and return what they noticed."""
        output, _ = self._process.communicate("", timeout=PATIENCE_SECONDS + STOP_SECONDS)
        kinds = json.loads(output)
        return Report(**{kind: Waits(**waits) for kind, waits in kinds.items()})

    def kill(self) -> None:
        """End them in any case."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.communicate()


# -- In the process ------------------------------------------------------------------------


class Talker:
    """One WebSocket that says something small, and says the next thing after the answer."""

    def __init__(self, port: int, due: float, waits: Waits) -> None:
        sock = socket.create_connection(
            ("127.0.0.1", port), START_SECONDS, source_address=(TALKER, 0)
        )
        self.sock = RawWebSocket(sock).sock
        self.sock.setblocking(False)
        self.due = due
        self.asked_at: float | None = None
        self.lost = False
        self._waits = waits
        self._count = itertools.count()
        self._expected = b""
        self._input = b""

    def talk(self) -> None:
        """Say the next thing, if it is time."""
        if self.lost or self.asked_at is not None or monotonic() < self.due:
            return
        text = b"%d" % next(self._count)
        self._expected = bytes((0x81, len(text))) + text
        self.asked_at = monotonic()
        try:
            self.sock.sendall(frame(0x81, text))
        except OSError as error:
            self._lose(f"talker: {error}")

    def listen(self) -> None:
        """Take what has arrived."""
        try:
            data = self.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"talker: {error}")
            return
        self._input += data
        if not data or not self._expected.startswith(self._input):
            self._lose(f"talker: the end, after {self._input[:130]!r}")
        elif self._input == self._expected and self.asked_at is not None:
            self._waits.seconds.append(monotonic() - self.asked_at)
            self.due = self.asked_at + INTERVAL_SECONDS
            self.asked_at, self._input = None, b""

    def _lose(self, reason: str) -> None:
        self.lost = True
        self._waits.failures.append(reason)

    def leave(self) -> None:
        """Count a reply that is missing as a wait until now."""
        if self.asked_at is not None and not self.lost:
            self._waits.seconds.append(monotonic() - self.asked_at)
        self.sock.close()


def talk_until(stop: Event, port: int, waits: Waits, ready: Event) -> None:
    """Run all talkers, in this thread."""
    began = monotonic()
    talkers = [Talker(port, began + i * INTERVAL_SECONDS / TALKERS, waits) for i in range(TALKERS)]
    ready.set()
    with selectors.DefaultSelector() as selector:
        for talker in talkers:
            selector.register(talker.sock, selectors.EVENT_READ, talker)
        while not stop.is_set():
            for key, _ in selector.select(0.005):
                key.data.listen()
                if key.data.lost:
                    selector.unregister(key.fileobj)
            for talker in talkers:
                talker.talk()
    for talker in talkers:
        talker.leave()


def repeat_until(stop: Event, attempt: Callable[[], None], waits: Waits) -> None:
    """Repeat an attempt, with its time, and the reason if it fails."""
    while not stop.wait(INTERVAL_SECONDS):
        began = monotonic()
        try:
            attempt()
        except (OSError, AssertionError) as error:
            waits.failures.append(f"{type(error).__name__}: {error}"[:200])
        waits.seconds.append(monotonic() - began)


def visit(port: int) -> None:
    """Open the page."""
    with socket.create_connection(
        ("127.0.0.1", port), PATIENCE_SECONDS, source_address=(VISITOR, 0)
    ) as sock:
        sock.sendall(PAGE)
        data = b""
        while piece := sock.recv(65536):
            data += piece
        assert data.startswith(b"HTTP/1.1 200"), data[:40]


def come(port: int) -> None:
    """Open a WebSocket, and talk once."""
    sock = socket.create_connection(
        ("127.0.0.1", port), PATIENCE_SECONDS, source_address=(NEWCOMER, 0)
    )
    with RawWebSocket(sock) as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"


def main(port: int) -> None:
    """Report on standard output what was noticed until standard input ended."""
    report, stop, ready = Report(), Event(), Event()
    jobs: list[tuple[Callable[..., None], Any]] = [
        (talk_until, (stop, port, report.talkers, ready)),
        (repeat_until, (stop, lambda: visit(port), report.visitors)),
        (repeat_until, (stop, lambda: come(port), report.newcomers)),
    ]
    threads = [Thread(target=job, args=arguments) for job, arguments in jobs]
    for thread in threads:
        thread.start()
    ready.wait(START_SECONDS)
    print(READY, flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
