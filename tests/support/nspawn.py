"""A small Debian that boots in a container with systemd as its first process.

It shares the network of this machine, so that clients here reach its services. All that it writes
is gone when it ends. Only root can start it.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.required import give_up, program
from tests.support.waiting import wait_until

SUITE = "bookworm"
PYTHON = "3.11"  # that of the suite
PACKAGES = "systemd,python3-venv,procps"

_BOOT_SECONDS = 60
_HALT_SECONDS = 30

# Not in the temporary directory, which is another one for each run: it takes one to two minutes.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flask-echo"


def debian() -> Path:
    """Return the directory of a Debian by debootstrap, which is kept for later runs."""
    if os.getuid():
        give_up("only root can make and boot a container")
    place = _CACHE / f"{SUITE}-{PACKAGES.replace(',', '-')}"
    if not place.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as new:
            _debootstrap(Path(new) / "root")
            (Path(new) / "root").rename(place)
    return place


def _debootstrap(place: Path) -> None:
    words = ["--variant=minbase", f"--include={PACKAGES}", SUITE, str(place)]
    made = subprocess.run([program("debootstrap"), *words], capture_output=True, text=True)
    if made.returncode:
        give_up(f"debootstrap failed: {made.stdout[-2000:]}{made.stderr}")


def run_in(root: Path, binds: Mapping[Path, str], script: str) -> None:
    """Run a shell script in a system that has not booted.

    :param binds: files and directories of this machine, which it may change, and their places.
    """
    words = [f"--bind={ours}:{theirs}" for ours, theirs in binds.items()]
    with _group() as enter:
        command = [*enter, *_nspawn(root), "--as-pid2", *words, "sh", "-ec", script]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stdout + ended.stderr


class Machine:
    """A system that has booted.

    :ivar first: the process id of its systemd, on this machine.
    """

    def __init__(self, nspawn: int) -> None:
        self._nspawn = nspawn
        self.first = 0

    def has_booted(self) -> bool:
        """Return whether its services have started."""
        children = Path(f"/proc/{self._nspawn}/task/{self._nspawn}/children").read_text().split()
        if not children:
            return False
        self.first = int(children[0])
        state = self.run("systemctl", "is-system-running").stdout.strip()
        assert state != "degraded", self.run("systemctl", "--failed").stdout
        return state == "running"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        enter = ["nsenter", "--target", str(self.first), "--mount", "--uts", "--ipc", "--pid", "--"]
        return subprocess.run([*enter, *words], capture_output=True, text=True, timeout=100)

    def succeed(self, *words: str) -> str:
        """Run a command in it that must succeed, and return its output."""
        ended = self.run(*words)
        assert ended.returncode == 0, f"{words}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def outer_pid(self, inner: int) -> int:
        """Return the id on this machine of a process in the container; pid_namespaces(7)."""
        namespace = os.readlink(f"/proc/{self.first}/ns/pid")
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):  # It has ended.
                (ids,) = (x for x in status.read_text().splitlines() if x.startswith("NSpid:"))
                here = os.readlink(status.parent / "ns/pid") == namespace
                if here and ids.split()[-1] == str(inner):
                    return int(status.parent.name)
        raise AssertionError(f"the container has no process {inner}")


@contextmanager
def booted(root: Path, binds: Mapping[Path, str]) -> Iterator[Machine]:
    """Boot a system.

    :param binds: files and directories of this machine, which it may only read, and their places.
    """
    words = [f"--bind-ro={ours}:{theirs}" for ours, theirs in binds.items()]
    with tempfile.TemporaryFile() as log, _group() as enter:
        process = subprocess.Popen(
            [*enter, *_nspawn(root), "--boot", "--console=pipe", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            machine = Machine(process.pid)
            wait_until(machine.has_booted, _BOOT_SECONDS, lambda: _text(log.fileno()))
            yield machine
        finally:
            process.terminate()  # systemd shuts down.
            try:
                process.wait(_HALT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _text(descriptor: int) -> str:
    return os.pread(descriptor, 100_000, 0).decode(errors="replace")


def _nspawn(root: Path) -> list[str]:
    """Return the words for a container that is registered nowhere, and that leaves no file."""
    own = ["--quiet", "--register=no", "--keep-unit", "--volatile=overlay"]
    return [program("systemd-nspawn"), *own, "-D", str(root), f"--machine=flask-echo-{os.getpid()}"]


@contextmanager
def _group() -> Iterator[list[str]]:
    """Make a control group, and yield the words that start a command in it.

    systemd-nspawn makes groups below its own, and leaves them. They go with this one.
    """
    places = [place / f"flask-echo-nspawn-{os.getpid()}" for place in _hierarchies()]
    for place in places:
        place.mkdir()
    enter = "".join(f'echo $$ >"{place}/cgroup.procs"; ' for place in places)
    try:
        yield ["sh", "-c", f'{enter}exec "$@"', "sh"]
    finally:
        for place in places:
            wait_until(lambda place=place: _is_removed(place), describe=place.__str__)  # type: ignore[misc]


def _is_removed(place: Path) -> bool:
    for directory, _, _ in os.walk(place, topdown=False):
        with suppress(OSError):  # The kernel may need a moment after the last process.
            os.rmdir(directory)
    return not place.exists()


def _hierarchies() -> Iterator[Path]:
    """Yield where the hierarchies are mounted that systemd uses for its units; cgroups(7)."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or "name=systemd" in options.split(","):
            yield Path(before.split(" ")[4])
