"""A look at the worker processes of a server, and their end."""

import os
import select
import signal

from tests.support.servers import Server


def workers_of(server: Server) -> list[int]:
    """The process ids of gunicorn's workers."""
    children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    with open(children) as file:
        return [int(word) for word in file.read().split()]


def worker_of(server: Server) -> int:
    """The process id of gunicorn's only worker."""
    return workers_of(server)[0]


def kill_all(server: Server) -> None:
    """Kill the master and all workers at once, and wait until they have ended."""
    pids = [server.process.pid, *workers_of(server)]
    ends = [os.pidfd_open(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for end in ends:
        assert select.select([end], [], [], 10)[0]
        os.close(end)
    server.process.wait(10)


def status(pid: int, field: str) -> int:
    """A number from /proc/PID/status: ``Threads``, or ``VmRSS`` in KiB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:"))
