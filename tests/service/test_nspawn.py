"""The units of ``deploy/`` in a Debian that has booted: the sandbox, and what must work in it.

Its network and its kernel are those of this machine, whose hard limit of open files holds for it,
too. Where it has no control groups with the controller pids, systemd does not apply TasksMax.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.clients import RawWebSocket, close_frame, frame
from tests.support.nspawn import PYTHON, Machine, booted, debian, run_in
from tests.support.required import give_up
from tests.support.servers import ROOT, free_port
from tests.support.systemd import SERVICE, SOCKET, section
from tests.support.visitors import SECONDS, visitors
from tests.support.waiting import wait_until

# The first run makes the Debian.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
SETTINGS = "FLASK_ECHO_CLOSE_TIMEOUT_SECONDS=1\n"

# Another service in the same sandbox. It does what a worker does at its start, and when it was busy
# for a second: a busy machine can keep the real worker from being busy.
INSIDE = "inside.service"
INSIDE_CODE = """
import ctypes, os
from flask_echo.allocator import return_freed_memory
from flask_echo.scheduling import Scheduling

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def is_mapped():
    # Of its own, and not in an arena: IS_MMAPPED in malloc.c of glibc.
    block = libc.malloc(8 * 2**20)
    flags = ctypes.c_size_t.from_address(block - ctypes.sizeof(ctypes.c_size_t)).value
    libc.free(block)
    return bool(flags & 2)

return_freed_memory()
print(f"mapped {is_mapped()}, after one was freed {is_mapped()}")
before = os.sched_getscheduler(0)
Scheduling(0.0, 0.0).adapt(1.0, 1.0)
print(f"policy {before}, then {os.sched_getscheduler(0)}")
"""


def inside_unit() -> str:
    """The unit of the service, with another command that ends by itself."""
    service = section(SERVICE, "Service")
    text = SERVICE.read_text()
    for old, new in (
        (
            f"ExecStart={service['ExecStart']}",
            "ExecStart=/opt/flask-echo/bin/python /etc/inside.py",
        ),
        ("Type=notify", "Type=oneshot"),
        ("Restart=always", "Restart=no"),
    ):
        assert text.count(f"\n{old}\n") == 1
        text = text.replace(old, new)
    return text.replace("RuntimeDirectory=flask-echo", "RuntimeDirectory=inside")


class Deployed:
    """The service in a machine.

    :ivar machine: the machine.
    :ivar settings: its file with settings.
    """

    def __init__(self, machine: Machine, port: int, settings: Path) -> None:
        self.machine = machine
        self.settings = settings
        self._port = port

    def connect(self) -> socket.socket:
        """Connect a client. It may have to wait for the service."""
        return socket.create_connection(("127.0.0.1", self._port), 20)

    def get(self, path: str) -> Any:
        """Fetch JSON."""
        with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=SECONDS) as response:
            return json.load(response)

    def master(self) -> int:
        """Return the id of its main process, on this machine."""
        shown = self.machine.succeed("systemctl", "show", "-P", "MainPID", SERVICE.name)
        return self.machine.outer_pid(int(shown))

    def worker(self) -> int:
        """Return the id of its worker, on this machine."""
        master = self.master()
        (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return int(worker)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository, and those that it needs in the Debian."""
    place: Path = tmp_path_factory.mktemp("wheels")
    own = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(place), str(ROOT))
    subprocess.run([*PIP, *own], check=True, timeout=100)
    (made,) = place.iterdir()
    binary = ("--only-binary", ":all:", "--python-version", PYTHON)
    pinned = ("--constraint", str(ROOT / "requirements.txt"), "--dest", str(place))
    fetched = subprocess.run([*PIP, "download", *binary, *pinned, str(made)], timeout=200)
    if fetched.returncode:
        give_up("pip cannot fetch what the wheel requires")
    return place


@pytest.fixture(scope="module")
def deployed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The service, installed and started as the head of its unit says, on a port of its own."""
    root = debian()
    place: Path = tmp_path_factory.mktemp("machine")
    environment, port = place / "environment", free_port()
    environment.mkdir()
    script = (
        "python3 -m venv /opt/flask-echo; cd /wheels; /opt/flask-echo/bin/pip install --no-index"
    )
    own = {environment: "/opt/flask-echo", wheels: "/wheels"}
    run_in(root, own, f"{script} --find-links . flask_echo-*.whl")
    (place / "address.conf").write_text(f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n")
    (place / "settings").write_text(SETTINGS)
    (place / "inside.py").write_text(INSIDE_CODE)
    (place / INSIDE).write_text(inside_unit())
    units = "/etc/systemd/system"
    files = {
        environment: "/opt/flask-echo",
        SERVICE: f"{units}/{SERVICE.name}",
        SOCKET: f"{units}/{SOCKET.name}",
        place / "address.conf": f"{units}/{SOCKET.name}.d/address.conf",
        place / "settings": "/etc/flask-echo.env",
        place / "inside.py": "/etc/inside.py",
        place / INSIDE: f"{units}/{INSIDE}",
    }
    with booted(root, files) as machine:
        machine.succeed("systemctl", "enable", "--now", SOCKET.name, SERVICE.name)
        yield Deployed(machine, port, place / "settings")


def fields(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_the_worker_is_in_the_sandbox(deployed: Deployed) -> None:
    worker = deployed.worker()
    status = fields(worker)
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert "0" not in status["Uid"].split()
    for kind in ("net", "user", "mnt"):
        first = os.readlink(f"/proc/{deployed.machine.first}/ns/{kind}")
        assert os.readlink(f"/proc/{worker}/ns/{kind}") != first


def test_the_worker_has_all_its_seats_and_the_open_files_for_them(deployed: Deployed) -> None:
    assert deployed.get("/healthz")["capacity"] == 1000
    wanted = int(section(SERVICE, "Service")["LimitNOFILE"])
    allowed = min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert resource.prlimit(deployed.worker(), resource.RLIMIT_NOFILE) == (allowed, allowed)


def test_the_worker_keeps_traces_in_its_own_folder(deployed: Deployed) -> None:
    trace = "0123456789abcdef0123456789abcdef"
    with RawWebSocket(deployed.connect(), f"/echo?trace={trace}") as client:
        client.send(close_frame())
        assert client.receive().close_code == 1000
    assert deployed.get(f"/traces/{trace}")
    (folder,) = deployed.machine.succeed("ls", "/run/flask-echo").split()
    assert folder.startswith("flask-echo-traces-")
    assert deployed.machine.succeed("ls", f"/run/flask-echo/{folder}")


def test_the_sandbox_allows_the_scheduling_policy_and_the_settings_of_the_allocator(
    deployed: Deployed,
) -> None:
    deployed.machine.succeed("systemctl", "start", INSIDE)
    log = deployed.machine.succeed("journalctl", "--no-pager", "--output=cat", "-u", INSIDE)
    assert f"policy {os.SCHED_OTHER}, then {os.SCHED_BATCH}" in log.splitlines()
    # By default, glibc puts such a block into an arena once one was freed; mallopt(3).
    assert "mapped True, after one was freed True" in log.splitlines()


def test_a_restart_refuses_nobody(deployed: Deployed) -> None:
    with visitors(deployed.connect) as visiting, RawWebSocket(deployed.connect()) as old:
        visiting.await_next()
        master = deployed.master()
        deployed.machine.succeed("systemctl", "restart", SERVICE.name)
        assert old.receive().close_code == 1001
        visiting.await_next()
    assert deployed.master() != master


def test_a_reload_replaces_the_worker_and_refuses_nobody(deployed: Deployed) -> None:
    master, worker = deployed.master(), deployed.worker()
    with visitors(deployed.connect) as visiting, RawWebSocket(deployed.connect()) as old:
        deployed.machine.succeed("systemctl", "reload", SERVICE.name)
        assert old.receive().close_code == 1001
        visiting.await_next()
    wait_until(lambda: not Path(f"/proc/{worker}").exists())
    assert deployed.master() == master


def test_clients_wait_for_the_service_after_its_main_process_was_killed(deployed: Deployed) -> None:
    os.kill(deployed.master(), signal.SIGKILL)
    wait_until(partial(is_waiting, deployed))
    # It waits for RestartSec.
    with RawWebSocket(deployed.connect(), patience=SECONDS) as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"


def is_waiting(deployed: Deployed) -> bool:
    return "auto-restart" in deployed.machine.run("systemctl", "status", SERVICE.name).stdout


def test_a_bad_setting_is_told_and_the_service_comes_back_once_it_is_mended(
    deployed: Deployed,
) -> None:
    good = deployed.settings.read_text()
    try:
        deployed.settings.write_text(good + "FLASK_ECHO_TRACES=maybe\n")
        assert deployed.machine.run("systemctl", "restart", SERVICE.name).returncode != 0
        log = deployed.machine.succeed("journalctl", "--no-pager", "-u", SERVICE.name)
        assert "FLASK_ECHO_TRACES" in log
    finally:
        deployed.settings.write_text(good)
    with RawWebSocket(deployed.connect(), patience=SECONDS) as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"


def test_stopping_the_socket_stops_the_service(deployed: Deployed) -> None:
    deployed.machine.succeed("systemctl", "stop", SOCKET.name)
    with pytest.raises(ConnectionRefusedError):
        deployed.connect()
    assert deployed.machine.run("systemctl", "is-active", SERVICE.name).stdout == "inactive\n"
    deployed.machine.succeed("systemctl", "start", SOCKET.name)
    assert deployed.get("/healthz")["status"] == "ok"
