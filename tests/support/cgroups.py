"""A real cgroup of version 1, for a server that has to live within its limits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def cgroup(controller: str, limits: dict[str, int]) -> Iterator[Path]:
    """Make a group below this process's, and remove it. Skip the test where that is impossible.

    :param controller: ``memory`` or ``pids``.
    :param limits: values by the names of their files.
    """
    group = _own_group(controller) / f"flask-echo-test-{os.getpid()}"
    group.mkdir()
    try:
        for name, value in limits.items():
            (group / name).write_text(str(value))
        yield group
    finally:
        group.rmdir()


def inside(group: Path, words: list[str]) -> list[str]:
    """Return the command line that runs ``words`` in a group."""
    enter = f"echo $$ > '{group}/cgroup.procs' && exec \"$@\""
    return ["sh", "-c", enter, "sh", *words]


def _own_group(controller: str) -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        mount = Path("/sys/fs/cgroup", controller)
        if controller in controllers.split(",") and os.access(mount, os.W_OK):
            return Path(f"{mount}{path}")
    pytest.skip(f"no writable cgroup of version 1 for {controller}")
