"""The units in ``deploy/``: their syntax, their sandbox, their limits, and a restart under load."""

import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_echo.capacity import Capacity
from flask_echo.timetable import EXIT_SECONDS
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.resources import TaskLimit
from tests.support.clients import RawWebSocket, frame
from tests.support.required import program
from tests.support.systemd import SERVICE, SOCKET, Activated, section
from tests.support.visitors import SECONDS, visitors

# README.md, "Open files", and the most seats that FLASK_ECHO_MAX_CONNECTIONS takes.
OTHER_FILES = 1344
MOST_SEATS = 100_000

# The most that FLASK_ECHO_CLOSE_TIMEOUT_SECONDS takes.
LONGEST_CLOSE = 60

OPEN_BEFORE = 20
RESTARTS = 2


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system that has systemd's own units, ours, and empty programs in the right places."""
    own = Path(program("systemd-analyze")).parent.parent / "lib/systemd/system"
    shutil.copytree(own, tmp_path / "usr/lib/systemd/system", symlinks=True)
    for key in ("ExecStart", "ExecReload"):
        place = tmp_path / section(SERVICE, "Service")[key].split()[0].lstrip("/")
        place.parent.mkdir(parents=True)
        place.write_text("#!/bin/sh\n")
        place.chmod(0o755)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in (SERVICE, SOCKET):
        shutil.copy(unit, units)
    return tmp_path


def verify(root: Path) -> subprocess.CompletedProcess[str]:
    names = [f"/etc/systemd/system/{unit.name}" for unit in (SERVICE, SOCKET)]
    return analyze("verify", "--man=no", f"--root={root}", *names)


def test_systemd_accepts_both_units(root: Path) -> None:
    verified = verify(root)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_would_find_a_mistake(root: Path) -> None:
    copy = root / "etc/systemd/system" / SERVICE.name
    copy.write_text(copy.read_text().replace("Restart=always", "Restart=allways"))
    assert "allways" in verify(root).stderr


def test_the_exposure_is_below_2() -> None:
    judged = analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(SERVICE))
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "Overall exposure level for flask-echo.service" in judged.stdout


def test_the_limits_leave_room_for_the_seats() -> None:
    service = section(SERVICE, "Service")
    assert int(service["LimitNOFILE"]) >= OTHER_FILES + 2 * MOST_SEATS
    tasks = TaskLimit(int(service["TasksMax"]), "TasksMax")
    eight_workers = Capacity(8, 2**40, tasks)
    seats = Limits().max_connections
    assert eight_workers.fit().seats >= seats
    assert eight_workers.threads(seats) == seats + 1024  # none of the spare ones is missing


def test_systemd_waits_for_the_longest_closing_handshake() -> None:
    assert int(section(SERVICE, "Service")["TimeoutStopSec"]) > LONGEST_CLOSE + EXIT_SECONDS


@pytest.fixture
def activated(tmp_path: Path) -> Iterator[Callable[..., Activated]]:
    """Start the service with a number of workers. A client that does not say goodbye takes 3 s."""
    with ExitStack() as stack:

        def start(workers: int, **settings: object) -> Activated:
            own = {"WEB_CONCURRENCY": str(workers), "FLASK_ECHO_CLOSE_TIMEOUT_SECONDS": "3"}
            own["GUNICORN_CMD_ARGS"] = "--worker-class tests.support.counting.PatientWorker"
            own |= {f"FLASK_ECHO_{name}": str(value) for name, value in settings.items()}
            service = Activated(tmp_path, own)
            stack.callback(service.close)
            service.start()
            return service

        yield start


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_under_load_refuses_no_client(
    activated: Callable[..., Activated], workers: int
) -> None:
    service = activated(workers)
    with visitors(service.connect) as visiting, ExitStack() as stack:
        for _ in range(RESTARTS):
            old = [stack.enter_context(RawWebSocket(service.connect())) for _ in range(OPEN_BEFORE)]
            assert service.stop() == 0
            assert {client.receive().close_code for client in old} == {1001}
            waiting = service.connect()
            service.start()
            RawWebSocket(waiting, patience=SECONDS).sock.close()
            visiting.await_next()
    assert "Traceback" not in service.output()


def test_during_the_spread_it_says_so_on_a_passed_socket(
    activated: Callable[..., Activated],
) -> None:
    service = activated(1, DRAIN_SPREAD_SECONDS=60)
    with ExitStack() as stack:
        old = [stack.enter_context(RawWebSocket(service.connect())) for _ in range(2)]
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        readable, _, _ = select.select([client.sock for client in old], [], [], SECONDS)
        first, last = sorted(old, key=lambda client: client.sock is not readable[0])
        assert first.receive().close_code == 1001
        assert status_of(service, "/healthz") == 503
        assert status_of(service, "/healthz/live") == 200
        last.send(frame(0x81, b"still here"))
        assert last.receive().payload == b"still here"
        service.process.send_signal(signal.SIGQUIT)  # The second one need not wait for its turn.
        assert last.receive().close_code == 1001


def status_of(service: Activated, path: str) -> int:
    """Ask on a new connection."""
    with service.connect() as sock:
        sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        return int(sock.makefile("rb").readline().split()[1])
