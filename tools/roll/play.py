"""The play: roll all machines, kill one, bring it back, add another, and pull the cable of one.

Clients talk all the time.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from urllib.error import HTTPError
from urllib.request import urlopen

from websockets.sync.client import connect

from tools.roll.figures import Event, is_even, read
from tools.roll.fleet import URL, Fleet, Host
from tools.roll.flows import Flows, Missed
from tools.roll.wire import watching

HOSTS = 3
_START_SECONDS = 30.0
# After a change, until clients have reconnected.
_SETTLE_SECONDS = 8.0
# Clients that come back do so within a second or two.
_COUNT_SECONDS = 5.0
# Until HAProxy has given up the connections to a machine without a network, and clients are back.
_CUT_SECONDS = 20.0
_END_SECONDS = 60.0
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Plan:
    """How large the play is.

    :ivar delay: DRAIN_DELAY_SECONDS.
    :ivar spread: DRAIN_SPREAD_SECONDS.
    :ivar lifetime: MAX_LIFETIME_SECONDS.
    """

    clients: int
    delay: float
    spread: float
    lifetime: float

    def settings(self) -> dict[str, object]:
        """Return the settings of the service."""
        return {
            "DRAIN_DELAY_SECONDS": self.delay,
            "DRAIN_SPREAD_SECONDS": self.spread,
            "MAX_LIFETIME_SECONDS": self.lifetime,
            "MAX_CONNECTIONS": max(100, self.clients),
        }


@dataclass
class Act:
    """A stretch of the play.

    :ivar connections: of each machine, at its end, if that is a figure.
    :ivar missed: of connections that machines ended meanwhile, the messages without a reply.
    :ivar closed: how many connections machines ended with a Close frame, as the network saw them.
    """

    start: float = field(default_factory=monotonic)
    end: float = 0.0
    connections: dict[str, int] = field(default_factory=dict)
    missed: list[Missed] = field(default_factory=list)
    closed: int = 0


@dataclass(frozen=True)
class Story:
    """What happened.

    :ivar traced: whether each machine knew the trace of a connection to any of them.
    :ivar exits: the exit code of each machine in the roll.
    """

    acts: dict[str, Act]
    events: list[Event]
    traced: bool
    exits: list[int]


class Play:
    """Runs the acts, and notes what they were."""

    def __init__(self, plan: Plan, fleet: Fleet, flows: Flows) -> None:
        self._plan = plan
        self._fleet = fleet
        self._flows = flows
        self.acts: dict[str, Act] = {}
        self.exits: list[int] = []

    def run(self) -> None:
        """Run all acts, in this order."""
        hosts = self._fleet.hosts
        with self._act("start") as act:
            self._fleet.await_connections(self._plan.clients, _START_SECONDS)
            act.connections = self._count_connections()
        with self._act("roll"):
            for host in hosts[:HOSTS]:
                self._roll(host)
            sleep(_SETTLE_SECONDS)
        with self._act("lifetime") as act:
            sleep(self._plan.lifetime)
            act.connections = self._count_connections()
        with self._act("kill"):
            hosts[1].kill()
            sleep(_SETTLE_SECONDS)
        with self._act("grow") as act:
            for host in (hosts[1], hosts[HOSTS]):
                host.start()
                self._fleet.await_up(host)
            sleep(self._plan.lifetime)
            act.connections = self._count_connections()
        with self._act("cut"):
            hosts[0].cut()
            sleep(_CUT_SECONDS)
        hosts[0].mend()
        self._fleet.await_up(hosts[0])

    def _roll(self, host: Host) -> None:
        self.exits.append(host.stop())
        host.start()
        self._fleet.await_up(host)

    def _count_connections(self) -> dict[str, int]:
        """Return how many connections each machine has.

        A client that is between two connections is missing for a moment, so look again if the
        machines are not even.
        """
        deadline = monotonic() + _COUNT_SECONDS
        while True:
            counts = self._fleet.connections()
            if is_even(counts.values()) or monotonic() > deadline:
                return counts
            sleep(0.2)

    @contextmanager
    def _act(self, name: str) -> Iterator[Act]:
        print(f"{name} ...", flush=True)
        act = self.acts[name] = Act()
        missed, closed = len(self._flows.missed), self._flows.closed
        yield act
        act.end = monotonic()
        act.missed = self._flows.missed[missed:]
        act.closed = self._flows.closed - closed


def play(plan: Plan) -> Story:
    """Start everything, run the play, and end everything."""
    with (
        TemporaryDirectory(prefix="roll-") as place,
        Fleet.running(HOSTS, plan.settings()) as fleet,
    ):
        file = Path(place, "events")
        with watching() as flows, _load(plan.clients, file):
            stage = Play(plan, fleet, flows)
            stage.run()
        return Story(stage.acts, read(file), _is_traced(fleet), stage.exits)


@contextmanager
def _load(count: int, file: Path) -> Iterator[None]:
    """Run the clients; at the end, let them wait for their last replies."""
    words = [sys.executable, "-m", "tools.roll.clients", URL, str(count), str(file)]
    process = subprocess.Popen(words)
    try:
        yield
        process.terminate()
        if process.wait(_END_SECONDS):
            raise RuntimeError(f"the clients ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()


def _is_traced(fleet: Fleet) -> bool:
    """Return whether every machine knows the trace of a connection that one of them had."""
    trace = token_hex(16)
    with connect(f"ws://{URL}/echo?trace={trace}") as connection:
        connection.send("traced")
        connection.recv()
    return all(_knows(host, trace) for host in fleet.hosts)


def _knows(host: Host, trace: str) -> bool:
    try:
        with urlopen(f"http://{host.address}/traces/{trace}", timeout=_ANSWER_SECONDS) as response:
            return bool(response.status == 200)
    except HTTPError:
        return False
