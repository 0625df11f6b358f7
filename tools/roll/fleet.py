"""The machines with the service, and what they share: HAProxy in front, Redis behind."""

import csv
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from tests.support.required import program
from tests.support.servers import Server
from tests.support.waiting import wait_until
from tools.roll.network import BALANCER, Machine

URL = f"{BALANCER}:8000"
PORT = 8080
WORKERS = 2
_REDIS_PORT = 6379
# haproxy.cfg says why.
_SERVER_OPTIONS = "tcp-ut 10s"
_CONFIGURATION = Path(__file__).with_name("haproxy.cfg")
_SECONDS = 60.0


class Host:
    """A machine with the service.

    :ivar name: as HAProxy knows it.
    """

    def __init__(self, number: int, settings: dict[str, Any]) -> None:
        self.name = f"host{number}"
        self._machine = Machine(number)
        self._settings = settings
        self._server: Server | None = None

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"{self._machine.address}:{PORT}"

    def start(self) -> None:
        """Start the service, and wait until it answers."""
        self._server = Server(
            "flask-echo",
            words=self._machine.words([sys.executable, "-m", "flask_echo"]),
            variables={
                "HOST": self._machine.address,
                "PORT": str(PORT),
                "WEB_CONCURRENCY": str(WORKERS),
            },
            TRACES=f"redis://{BALANCER}:{_REDIS_PORT}/0",
            **self._settings,
        )

    def stop(self) -> int:
        """Send SIGTERM, wait for the end of the drain, and return the exit code."""
        server = self._running()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(_SECONDS)
        return self._ended(server)

    def kill(self) -> None:
        """Kill every process of the service at once. They are one process group."""
        server = self._running()
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        self._ended(server)

    def cut(self) -> None:
        """Take this machine off the network. It runs on."""
        self._machine.cut()

    def mend(self) -> None:
        """Connect this machine to the network again."""
        self._machine.mend()

    def close(self) -> None:
        """Stop the service, if it runs, and give the machine up."""
        if self._server is not None:
            self.kill()
        self._machine.close()

    def _running(self) -> Server:
        assert self._server is not None, f"{self.name} does not run"
        return self._server

    def _ended(self, server: Server) -> int:
        self._server = None
        return server.stop()


class Fleet:
    """All machines. HAProxy knows some that do not run yet.

    :ivar hosts: in the order of their number.
    """

    def __init__(self, hosts: list[Host], place: Path) -> None:
        self.hosts = hosts
        self._admin = place / "admin.sock"

    def connections(self) -> dict[str, int]:
        """Return how many connections HAProxy has open to each machine that is up."""
        return {row["svname"]: int(row["scur"]) for row in self._rows() if _is_up(row)}

    def await_up(self, host: Host) -> None:
        """Wait until HAProxy has seen that a machine serves."""
        wait_until(lambda: host.name in self.connections(), _SECONDS)

    def await_connections(self, count: int, seconds: float) -> None:
        """Wait until so many connections are open."""
        wait_until(lambda: sum(self.connections().values()) >= count, seconds, self._describe)

    def _describe(self) -> str:
        return str(self.connections())

    def _rows(self) -> Iterator[dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._admin))
            admin.sendall(b"show stat\n")
            text = b"".join(iter(lambda: admin.recv(65_536), b"")).decode()
        for row in csv.DictReader(text.removeprefix("# ").splitlines()):
            if row["pxname"] == "machines" and row["svname"] != "BACKEND":
                yield row

    @classmethod
    @contextmanager
    def running(cls, count: int, settings: dict[str, Any]) -> Iterator[Self]:
        """Start Redis, HAProxy and ``count`` machines; one more is there, and not started."""
        with ExitStack() as stack:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="roll-")))
            stack.enter_context(_process(_redis(place), place / "redis.log"))
            hosts = [Host(number, settings) for number in range(1, count + 2)]
            for host in hosts:
                stack.callback(host.close)
            for host in hosts[:count]:
                host.start()
            stack.enter_context(_process(_haproxy(place, hosts), place / "haproxy.log"))
            fleet = cls(hosts, place)
            wait_until(fleet._admin.exists)
            for host in hosts[:count]:
                fleet.await_up(host)
            yield fleet


def _is_up(row: dict[str, str]) -> bool:
    return row["status"].startswith("UP")


def _redis(place: Path) -> list[str]:
    words = [program("redis-server"), "--bind", BALANCER, "--port", str(_REDIS_PORT)]
    return [*words, "--protected-mode", "no", "--save", "", "--dir", str(place)]


def _haproxy(place: Path, hosts: list[Host]) -> list[str]:
    lines = "\n".join(f"    server {host.name} {host.address} {_SERVER_OPTIONS}" for host in hosts)
    text = re.sub("PLACE", str(place), _CONFIGURATION.read_text())
    file = place / "haproxy.cfg"
    file.write_text(text.replace("MACHINES", lines))
    return [program("haproxy"), "-f", str(file)]


@contextmanager
def _process(words: list[str], log: Path) -> Iterator[None]:
    """Run a program until the context is left."""
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(_SECONDS)
