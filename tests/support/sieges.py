"""The service under attack: with default settings, in a container of 512 MiB, with bystanders.

Tests assert on it, and ``python -m tools.attacks`` prints its figures.
"""

import fcntl
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.support import attackers
from tests.support.attackers import Attack, Target
from tests.support.bystanders import Bystanders, Report
from tests.support.cgroups import Group, group
from tests.support.servers import Server, command

MIB = 2**20
MEMORY_BYTES = 512 * MIB
SECONDS = 5.0
# What an attack leaves behind hits the bystanders after it.
AFTERMATH_SECONDS = 1.0
# Threads or bytes that are left when the worker must run out of them.
SPARE_THREADS = 20
SPARE_BYTES = 16 * MIB


@dataclass(frozen=True)
class Outcome:
    """What became of the service, and what the bystanders noticed.

    :ivar exit_code: after SIGTERM, when the attack was over; None if the service had to be killed.
    """

    report: Report
    workers_before: list[int]
    workers_after: list[int]
    oom_kills: int
    peak_bytes: int
    exit_code: int | None
    output: str


@dataclass(frozen=True)
class Siege:
    """One attack, and the container it takes place in.

    :ivar attack: what the attacker does.
    :ivar prepare: makes the container narrower once the service runs; gets group and worker.
    :ivar unread: whether standard error is a pipe that nobody reads.
    """

    attack: Attack
    prepare: Callable[[Group, int], None] = lambda group, worker: None
    unread: bool = False

    def run(self, seconds: float = SECONDS) -> Outcome:
        """Start the service and the bystanders, attack, and end them."""
        with ExitStack() as stack:
            place = stack.enter_context(group(memory=MEMORY_BYTES))
            server = stack.enter_context(_served(place, self.unread))
            workers = children(server.process.pid)
            bystanders = Bystanders(server.port)
            stack.callback(bystanders.kill)
            self.prepare(place, workers[0])
            self.attack(Target(server.port), seconds)
            attackers.hold(monotonic() + AFTERMATH_SECONDS)
            report = bystanders.finish()
            after = children(server.process.pid)
            return Outcome(
                report,
                workers,
                after,
                place.oom_kills(),
                place.peak_bytes(),
                _stopped(server),
                server.output(),
            )


def _stopped(server: Server) -> int | None:
    try:
        return server.stop()
    except AssertionError:  # It has been killed, so that the next one has the machine.
        return None


@contextmanager
def _served(place: Group, unread: bool) -> Iterator[Server]:
    """Run the service."""
    with ExitStack() as stack:
        words = command("flask-echo")
        if unread:
            pipe = stack.enter_context(_unread_pipe())
            words = ["sh", "-c", f'exec "$@" 2>"{pipe}"', "sh", *words]
        server = Server("flask-echo", words=place.words(words))
        try:
            yield server
        finally:
            _stopped(server)


@contextmanager
def _unread_pipe() -> Iterator[Path]:
    """Make a pipe that is as small as possible, open for reading, and never read."""
    with tempfile.TemporaryDirectory(prefix="pipe-") as place:
        path = Path(place, "stderr")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
            yield path
        finally:
            os.close(reader)


def children(pid: int) -> list[int]:
    """Return the child processes of a process: of gunicorn's master, the workers."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def status(pid: int, field: str) -> int:
    """Return a number of /proc/PID/status, such as ``Threads``, or ``VmSize`` in KiB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:"))


def few_threads(place: Group, worker: int) -> None:
    """Let the container have few threads more than it has."""
    if place.is_real:
        place.limit_pids(place.pids() + SPARE_THREADS)
    else:
        count = status(worker, "Threads") + SPARE_THREADS
        resource.prlimit(worker, resource.RLIMIT_NPROC, (count, count))


def few_addresses(place: Group, worker: int) -> None:
    """Let the worker map little more than it has; memory allocations fail then, too."""
    size = status(worker, "VmSize") * 1024 + SPARE_BYTES
    resource.prlimit(worker, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


# By the row of the table in docs/security.md, and a name.
SIEGES = {
    "1 deaf bombs, 8": Siege(attackers.deaf_bombs(8, 16 * MIB)),
    "1 deaf bombs, 200": Siege(attackers.deaf_bombs(200, 16 * MIB)),
    "1 deaf bombs at the limit": Siege(attackers.deaf_bombs(900, MIB)),
    "1 compressed fragments": Siege(attackers.compressed_fragments(500)),
    "1 emoji": Siege(attackers.emoji(200)),
    "1 big unfinished messages": Siege(attackers.big_messages(500)),
    "2 unread log": Siege(attackers.come_and_go(1000), unread=True),
    "3 long offers": Siege(attackers.long_offers(250)),
    "3 inflating": Siege(attackers.inflating(150)),
    "3 last blocks": Siege(attackers.last_blocks(100)),
    "3 dripping headers": Siege(attackers.dripping_headers(30)),
    "4 threads": Siege(attackers.pongs(100), few_threads),
    "4 address space": Siege(attackers.pongs(200), few_addresses),
    "5 seats": Siege(attackers.pongs(1000)),
    "5 idle TCP": Siege(attackers.silent(2400)),
    "5 half headers": Siege(attackers.half_headers(2000)),
    "mixed": Siege(
        attackers.in_turn(
            attackers.compressed_fragments(300),
            attackers.come_and_go(200),
            attackers.long_offers(50),
            attackers.resets(200),
            attackers.inflating(50),
            attackers.half_headers(500),
        )
    ),
}
