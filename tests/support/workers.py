"""A look at the worker processes of a server."""

from tests.support.servers import Server


def workers_of(server: Server) -> list[int]:
    """The process ids of gunicorn's workers."""
    children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    with open(children) as file:
        return [int(word) for word in file.read().split()]


def worker_of(server: Server) -> int:
    """The process id of gunicorn's only worker."""
    return workers_of(server)[0]


def status(pid: int, field: str) -> int:
    """A number from /proc/PID/status: ``Threads``, or ``VmRSS`` in KiB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:"))
