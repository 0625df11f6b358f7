"""Control groups: the memory and the number of threads that a container would have.

Both versions are used as they are found (cgroups(7)): the controllers of version 1 have a tree
each, version 2 has one tree. Where neither may be written, limits of the process stand in
(RLIMIT_AS, RLIMIT_NPROC); they are coarser, see :attr:`Group.is_real`.
"""

import itertools
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

_numbers = itertools.count(1)
# Two thousand threads with stacks of 4 MiB map 8 GiB, of which they use little.
_ADDRESSES_PER_BYTE = 24

# Enter the groups, then become the command, so that its process id is that of this shell.
_ENTER = 'for file in {files}; do echo $$ > "$file"; done; exec "$@"'
_LIMIT = 'ulimit -v {kibibytes}; exec "$@"'


class Group:
    """One group of processes with limits.

    :param directories: its directory for each controller; without any, rlimits stand in.
    :param memory: the limit that it has, in bytes.
    """

    def __init__(self, directories: dict[str, Path], memory: int | None) -> None:
        self.directories = directories
        self._memory = memory

    @property
    def is_real(self) -> bool:
        """Whether this is a control group. Otherwise only address space is limited, generously."""
        return bool(self.directories)

    def words(self, command: list[str]) -> list[str]:
        """Return the command line that runs ``command`` in this group from its start."""
        script = 'exec "$@"'
        if self.is_real:
            files = {str(place / "cgroup.procs") for place in self.directories.values()}
            script = _ENTER.format(files=" ".join(map(shlex.quote, sorted(files))))
        elif self._memory is not None:
            script = _LIMIT.format(kibibytes=self._memory * _ADDRESSES_PER_BYTE // 1024)
        return ["sh", "-c", script, "sh", *command]

    def limit_pids(self, count: int) -> None:
        """Allow this many processes and threads together from now on."""
        (self.directories["pids"] / "pids.max").write_text(str(count))

    def pids(self) -> int:
        """Return how many processes and threads there are."""
        return int((self.directories["pids"] / "pids.current").read_text())

    def oom_kills(self) -> int:
        """Return how many processes the kernel has killed for want of memory."""
        return self._memory_figure({"memory.oom_control": "oom_kill", "memory.events": "oom_kill"})

    def failures(self) -> int:
        """Return how often an allocation met the limit. The kernel may have freed caches then."""
        return self._memory_figure({"memory.failcnt": None, "memory.events": "max"})

    def peak_bytes(self) -> int:
        """Return the most memory in use so far; 0 if the kernel does not tell."""
        return self._memory_figure({"memory.max_usage_in_bytes": None, "memory.peak": None})

    def used_bytes(self) -> int:
        """Return the memory in use: of the processes, and of the kernel for them."""
        return self._memory_figure({"memory.usage_in_bytes": None, "memory.current": None})

    def _memory_figure(self, places: dict[str, str | None]) -> int:
        """Read a figure: of the first file that exists, all of it or the line of a name."""
        directory = self.directories.get("memory")
        for name, field in places.items():
            if directory is None or not (directory / name).exists():
                continue
            lines = (directory / name).read_text().splitlines()
            found = [line.split()[-1] for line in lines if field in (None, line.split()[0])]
            return int(found[0]) if found else 0
        return 0

    def remove(self) -> None:
        """Remove the group, once its last process has ended."""
        for directory in set(self.directories.values()):
            wait_until(lambda place=directory: not (place / "cgroup.procs").read_text())  # type: ignore[misc]
            # The kernel may need a moment after the last process.
            wait_until(lambda place=directory: _removed(place))  # type: ignore[misc]


def _removed(directory: Path) -> bool:
    with suppress(OSError):
        directory.rmdir()
    return not directory.exists()


@contextmanager
def group(memory: int | None = None, pids: int | None = None) -> Iterator[Group]:
    """Make a group for the block; its processes must have ended at the end of the block.

    :param memory: limit in bytes, of memory and swap together.
    :param pids: limit of processes and threads together. Without it they are only counted.
    """
    made = Group(_made(["memory", "pids"]), memory)
    try:
        if made.is_real:
            limit_memory(made.directories["memory"], memory)
            if pids is not None:
                made.limit_pids(pids)
        yield made
    finally:
        made.remove()


@contextmanager
def real_group(memory: int | None = None, pids: int | None = None) -> Iterator[Group]:
    """Make a group as :func:`group` does. Skip the test where no group can be made."""
    with group(memory, pids) as made:
        if not made.is_real:
            pytest.skip("control groups cannot be made here")
        yield made


def limit_memory(directory: Path, limit: int | None) -> None:
    """Write the limit of memory and swap together, in bytes."""
    if limit is None:
        return
    # First the memory, then memory and swap together, which may not be less.
    for name in ("memory.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        if (directory / name).exists():
            (directory / name).write_text(str(limit))
    if (directory / "memory.swap.max").exists():
        (directory / "memory.swap.max").write_text("0")


def _made(controllers: list[str]) -> dict[str, Path]:
    """Make a directory for each controller; none at all if one is not possible."""
    name = f"flask-echo-{os.getpid()}-{next(_numbers)}"
    made: dict[str, Path] = {}
    for controller in controllers:
        parent = _parent(controller)
        place = None if parent is None else parent / name
        try:
            if place is None:
                raise FileNotFoundError(controller)
            place.mkdir(exist_ok=place in made.values())
            made[controller] = place
            if controller == "pids" and not (place / "pids.max").exists():
                raise FileNotFoundError(place / "pids.max")
        except OSError:
            for directory in set(made.values()):
                directory.rmdir()
            return {}
    return made


def _parent(controller: str) -> Path | None:
    """Return where a group of ours can be made: below that of this process (cgroups(7))."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            own[name] = path
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, (kind, _, options) = _mount(line)
        if kind == "cgroup" and controller in options.split(",") and controller in own:
            return _below(Path(fields[4]), fields[3], own[controller])
        if kind == "cgroup2" and "" in own:
            place = _below(Path(fields[4]), fields[3], own[""])
            if _delegates(place, controller):
                return place
            if _delegates(place.parent, controller):
                return place.parent
    return None


def _mount(line: str) -> tuple[list[str], str, tuple[str, str, str]]:
    before, separator, after = line.partition(" - ")
    kind, source, options = after.split(" ", 2)
    return before.split(), separator, (kind, source, options)


def _below(mount: Path, root: str, path: str) -> Path:
    """Where a group is mounted; in a container the mount may start at the group itself."""
    place = mount / os.path.relpath(path, root) if path.startswith(root) else mount
    return Path(os.path.normpath(place))


def _delegates(place: Path, controller: str) -> bool:
    """Let the children of a group of version 2 have a controller; return whether they do."""
    try:
        if controller not in (place / "cgroup.controllers").read_text().split():
            return False
        with suppress(OSError):  # A group with processes of its own may not.
            (place / "cgroup.subtree_control").write_text(f"+{controller}")
        return controller in (place / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False
