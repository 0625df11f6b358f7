"""A server in a process of its own: started, pinned, watched and ended; and what it costs.

Linux only: affinity, sessions and costs come from the kernel (/proc, see proc(5)).
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
OUTPUT_LINES_SHOWN = 20
RETRY_SECONDS = 0.05

# Positions in /proc/PID/stat, counted from the field after the command's name.
_SESSION = 3
_CPU_TIMES = slice(11, 15)  # utime, stime and those of children that have been waited for
# Positions in a cpu line of /proc/stat: all but idle, waiting for the disk, and stolen. Interrupts
# count: most kernels charge those of the loopback interface to the process they interrupt as well.
# One with CONFIG_IRQ_TIME_ACCOUNTING does not, and there they will look like noise.
_BUSY = (0, 1, 2, 5, 6)
# Time in which a virtual machine had something to do, and its host did something else.
_STOLEN = 7


class ServerFailed(Exception):
    """The server did not start or did not survive.

    The text is one line without paths; `output` is the end of what the server printed.
    """

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(reason)
        self.output = output


@dataclass(frozen=True)
class Cores:
    """The cores of a run: one for the server, another for the load generator if there is one."""

    server: int
    generator: int

    @classmethod
    def available(cls) -> Self:
        """Take the first two this process may use."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(first, others[0] if others else first)

    @property
    def apart(self) -> bool:
        """Whether the generator has a core of its own, and may spin on it."""
        return self.server != self.generator

    def busy_seconds(self) -> float:
        """Return the CPU time that anyone has spent on these cores, without stolen time."""
        return sum(times[i] for times in self._times() for i in _BUSY)

    def stolen_seconds(self) -> list[float]:
        """Return the time for which the host of this virtual machine took each of these cores."""
        return [times[_STOLEN] for times in self._times()]

    def _times(self) -> list[list[float]]:
        """Return the fields of /proc/stat, in seconds, for each of these cores."""
        names = {f"cpu{self.server}", f"cpu{self.generator}"}
        lines = (line.split() for line in Path("/proc/stat").read_text("ascii").splitlines())
        counts = (fields[1:] for fields in lines if fields[0] in names)
        return [[int(ticks) / TICKS_PER_SECOND for ticks in times] for times in counts]


def allow_many_files() -> None:
    """Raise the limit on open files as far as it goes; servers inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def files_allowed() -> int:
    """Return the limit on open files in force."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextlib.contextmanager
def _pinned_to(cpu: int) -> Iterator[None]:
    """Let processes started in this block inherit `cpu` as their only one."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


@contextlib.contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, cpu: int
) -> Iterator["ServerProcess"]:
    """Run a server in `directory` on core `cpu` for the block, then kill all its processes.

    Killed, not asked: how a server ends is not measured here, and a busy one may take half a
    minute over it.
    """
    with tempfile.TemporaryFile() as output:
        with _pinned_to(cpu):
            process = subprocess.Popen(
                command,
                env=os.environ | environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield ServerProcess(process, output)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class ServerProcess:
    """A running server and the processes it forked, which are those of its session."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self._process = process
        self._output = output

    def wait_until(self, trouble: Callable[[], str], seconds: float) -> None:
        """Return once there is no `trouble` left.

        Raises `ServerFailed` if the process ends or still has trouble after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while reason := trouble():
            if self._process.poll() is not None:
                raise self.failed(f"ended with status {self._process.returncode} at its start")
            if time.monotonic() > deadline:
                raise self.failed(f"not ready after {seconds:g} s: {reason}")
            time.sleep(RETRY_SECONDS)

    def failed(self, reason: str) -> ServerFailed:
        """Make the exception for `reason`, with what the server last printed."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").splitlines()
        return ServerFailed(reason, "\n".join(lines[-OUTPUT_LINES_SHOWN:]))

    def cpu_seconds(self) -> float:
        """Return the CPU time spent so far, in user and kernel mode, by all its processes."""
        ticks = sum(int(time) for _, stat in self._stats() for time in stat[_CPU_TIMES])
        return ticks / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Return the memory all its processes have in use.

        It does not contain what the kernel keeps for them: socket buffers, thread stacks.
        """
        kibibytes = 0
        for pid, _ in self._stats():
            for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
                if line.startswith("Rss:"):
                    kibibytes += int(line.split()[1])
        return kibibytes * 1024

    def _stats(self) -> Iterator[tuple[int, list[str]]]:
        """Yield process id and /proc/PID/stat of each process of the session."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            # The command's name is in parentheses and may contain spaces.
            stat = _read(path).rpartition(")")[2].split()
            if stat and int(stat[_SESSION]) == self._process.pid:
                yield int(path.parent.name), stat


def _read(path: Path) -> str:
    """Return a file of a process; nothing if the process has just ended."""
    try:
        return path.read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
