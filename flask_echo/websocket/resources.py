"""The memory and the threads that this process may use: limits of the machine and its cgroups.

A container is a cgroup. Its limits are files: of version 1 one hierarchy per controller, of
version 2 one hierarchy for all (Linux's cgroup-v1 and cgroup-v2 documents). A group is also
bound by the limits of the groups above it, as far as this process sees them. A limit that cannot be
read does not count.

RLIMIT_AS is no limit here: it bounds address space, and a thread's stack takes a lot of that
without taking memory. A process that reaches it fails to start a thread or to allocate memory.

gunicorn's master imports this module, so it imports nothing of this project.
"""

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

# What an idle connection takes of a cgroup's memory, as measured with tools/idle.py: its thread's
# stack in use, the socket's objects, the request's environment, and the buffers of the kernel.
# OpenSSL keeps 37 KiB more.
IDLE_CONNECTION_BYTES = 60 * 1024
IDLE_TLS_CONNECTION_BYTES = 100 * 1024

# The limit "none" of version 1 is the largest multiple of the page size.
_NO_LIMIT = 2**62

# Processes with one of these capabilities may exceed RLIMIT_NPROC: CAP_SYS_ADMIN (21) and
# CAP_SYS_RESOURCE (24); setrlimit(2).
_EXEMPT = 1 << 21 | 1 << 24

# The kernel writes space, tab, newline and backslash as octal in mountinfo; proc(5).
_OCTAL = re.compile(r"\\([0-7]{3})")


class TaskLimit(NamedTuple):
    """The number of threads that may be started now.

    :ivar free: how many; 0 if the limit is reached.
    :ivar source: the limit that allows the fewest, in words.
    """

    free: int
    source: str


def memory_bytes(root: Path = Path("/")) -> int:
    """Return how much memory this process may use: that of the machine, or of its cgroup if less.

    :param root: where ``proc`` is, and the mount points are; for tests.
    """
    limits = [
        *(_number(group / "memory.limit_in_bytes") for group in _groups(root, "memory")),
        *(_number(group / "memory.max") for group in _groups(root, "")),
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    ]
    return min(limit for limit in limits if limit is not None)


def task_limit(uid: int | None = None, root: Path = Path("/")) -> TaskLimit | None:
    """Return how many threads may be started now, or None without a limit.

    :param uid: the user that will start them; by default the current one.
    :param root: where ``proc`` is, and the mount points are; for tests.
    """
    limits = [*_pids_limits(root), *_user_limits(root, uid)]
    return min(limits, default=None)


def _pids_limits(root: Path) -> Iterator[TaskLimit]:
    """Yield what ``pids.max`` allows: it counts the threads of all processes of a group."""
    for group in (*_groups(root, "pids"), *_groups(root, "")):
        allowed, used = _number(group / "pids.max"), _number(group / "pids.current")
        if allowed is not None and used is not None:
            yield TaskLimit(max(0, allowed - used), f"pids.max={allowed} of the cgroup")


def _user_limits(root: Path, uid: int | None) -> Iterator[TaskLimit]:
    """Yield what RLIMIT_NPROC allows: on Linux, it counts all threads of a user."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    processes = [*(root / "proc").glob("[0-9]*/status")]
    if allowed == resource.RLIM_INFINITY or not processes or _is_exempt(root, uid):
        return
    user = str(os.getuid() if uid is None else uid)
    used = 0
    for status in map(_fields, processes):
        if status.get("Uid", "-").split()[0] == user:
            used += int(status.get("Threads", "0"))
    yield TaskLimit(max(0, allowed - used), f"RLIMIT_NPROC={allowed} (ulimit -u)")


def _is_exempt(root: Path, uid: int | None) -> bool:
    """Return whether a user may exceed RLIMIT_NPROC. A change of the user drops capabilities."""
    if uid is not None and uid != os.getuid():
        return uid == 0
    capabilities = _fields(root / "proc/self/status").get("CapEff", "0")
    return os.getuid() == 0 or bool(int(capabilities, 16) & _EXEMPT)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the directory of this process's group, and those above it.

    :param controller: of version 1; empty for version 2.
    """
    path = _group_path(root, controller)
    mount = _mount(root, controller)
    if path is None or mount is None:
        return
    top, shown = mount
    # In a container, the path may be that of the host. Its mount then shows our group at the top.
    is_shown = ".." not in path.parts and path.is_relative_to(shown)
    group = top / path.relative_to(shown) if is_shown else top
    if not group.is_dir():
        group = top
    while group != top:
        yield group
        group = group.parent
    yield top


def _group_path(root: Path, controller: str) -> PurePosixPath | None:
    """Return this process's group in the hierarchy of a controller; cgroups(7)."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return PurePosixPath(path)
    return None


def _mount(root: Path, controller: str) -> tuple[Path, str] | None:
    """Return where a hierarchy is mounted, and which of its groups is at the top; proc(5)."""
    for line in _lines(root / "proc/self/mountinfo"):
        place, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split(" ", 2)
        shown, top = (_OCTAL.sub(_character, word) for word in place.split(" ")[3:5])
        of_version_1 = kind == "cgroup" and controller in options.split(",")
        if of_version_1 if controller else kind == "cgroup2":
            return root / top.lstrip("/"), shown
    return None


def _character(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []


def _fields(status: Path) -> dict[str, str]:
    """Return the fields of a file ``/proc/PID/status``; empty if the process has ended."""
    parts = (line.partition(":") for line in _lines(status))
    return {name: value.strip() for name, _, value in parts}


def _number(path: Path) -> int | None:
    """Return the limit or the count in a file; None for no limit, or without the file."""
    lines = _lines(path)
    number = int(lines[0]) if lines and lines[0].isdecimal() else _NO_LIMIT
    return number if number < _NO_LIMIT else None
