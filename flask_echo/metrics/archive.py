"""The files of figures that count: those of the processes, and one archive of those that ended.

prometheus_client keeps the counters and histograms of each process in a file, and of each kind of
gauge in another one. Its reader adds up what all files hold. Workers come and go, so the files of
those that have ended are merged into an archive.

A process may be killed at any moment, also while it merges, and a scrape may read meanwhile. So
a manifest says which archive counts, and which files are in it and count no longer. It is replaced
in one step. Only then are those files removed.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from flask_echo.metrics.processes import Processes

# How much prometheus_client maps of a new file. The largest file, of the counters, needs 10 KB.
_FILE_BYTES = 64 * 1024

_MANIFEST = "manifest.json"
_ENDING = ".db"
_ARCHIVE = "archive-"


class Manifest(NamedTuple):
    """What the manifest says.

    :ivar archive: the name of the folder of the archive; empty if there is none.
    :ivar merged: the numbers of processes whose files are in it. Some files may still be there.
    """

    archive: str = ""
    merged: frozenset[int] = frozenset()


def read_manifest(folder: str) -> Manifest:
    """Return the manifest of a folder."""
    try:
        with open(os.path.join(folder, _MANIFEST), encoding="ascii") as file:
            archive, merged = json.load(file)
    except FileNotFoundError:
        return Manifest()
    return Manifest(archive, frozenset(merged))


def files_that_count(folder: str, manifest: Manifest, lives: Callable[[int], bool]) -> list[str]:
    """Return the paths of the archive, and of the files that are not in it.

    Gauges of a process that has ended do not count.
    """
    present = [file for file in _files(folder) if file.number not in manifest.merged]
    counting = [file.path for file in present if not file.is_gauge or lives(file.number)]
    return [*_archived(folder, manifest), *counting]


def bury(folder: str, processes: Processes) -> None:
    """Merge the files of processes that have ended into the archive, and remove them.

    Do nothing if another process or thread is about it.
    """
    with processes.alone() as alone:
        if not alone:
            return
        manifest = read_manifest(folder)
        unmerged = {file.number for file in _files(folder)} - manifest.merged
        ended = {number for number in unmerged if not processes.lives(number)}
        if ended:
            with suppress(OSError):  # No room for a new archive: later, perhaps.
                manifest = _merge(folder, manifest, ended)
        _remove_merged(folder, manifest)


def reserve(path: str) -> None:
    """Make an empty file of figures, and take its room now.

    prometheus_client maps the file and writes into the map. If the file system is full then, the
    kernel kills the process (SIGBUS).

    :raises OSError: if there is no room.
    """
    with open(path, "xb") as file:
        os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)


def sums(paths: list[str], accumulate: bool = True) -> Iterable[Metric]:
    """Add up the figures in files.

    :param accumulate: whether each bucket of a histogram includes the smaller ones, as Prometheus
        wants it, and files do not have it.
    """
    added: Iterable[Metric] = MultiProcessCollector.merge(paths, accumulate)  # type: ignore[no-untyped-call]
    return added


class _File(NamedTuple):
    path: str
    number: int
    is_gauge: bool


def _files(folder: str) -> list[_File]:
    """Return the files of figures in a folder, but for those that have just been created."""
    found = []
    for name in sorted(os.listdir(folder)):
        stem, ending = os.path.splitext(name)
        path = os.path.join(folder, name)
        # prometheus_client cannot read an empty file: a process may be killed when it makes one.
        if ending == _ENDING and _size(path):
            found.append(_File(path, int(stem.rpartition("_")[2]), stem.startswith("gauge")))
    return found


def _archived(folder: str, manifest: Manifest) -> list[str]:
    if not manifest.archive:
        return []
    return [file.path for file in _files(os.path.join(folder, manifest.archive))]


def _size(path: str) -> int:
    with suppress(FileNotFoundError):
        return os.path.getsize(path)
    return 0


def _merge(folder: str, manifest: Manifest, ended: set[int]) -> Manifest:
    """Make a new archive of the old one and the files of ``ended``, and let it count."""
    files = _files(folder)
    lasting = [file.path for file in files if file.number in ended and not file.is_gauge]
    paths = [*_archived(folder, manifest), *lasting]
    archive = f"{_ARCHIVE}{secrets.token_hex(8)}"
    _write(os.path.join(folder, archive), sums(paths, accumulate=False))
    # Those whose files were removed meanwhile need not be named any more.
    present = {file.number for file in files}
    new = Manifest(archive, frozenset(ended | (manifest.merged & present)))
    _write_manifest(folder, new)
    return new


def _write(archive: str, metrics: Iterable[Metric]) -> None:
    """Write merged counters and histograms as prometheus_client does."""
    os.mkdir(archive)
    with ExitStack() as stack:
        files: dict[str, Any] = {}  # MmapedDict has no types.
        for metric in metrics:
            if metric.type not in files:
                path = os.path.join(archive, f"{metric.type}_0{_ENDING}")
                reserve(path)
                files[metric.type] = MmapedDict(path)  # type: ignore[no-untyped-call]
                stack.callback(files[metric.type].close)
            for sample in metric.samples:
                names, labels = list(sample.labels), list(sample.labels.values())
                key = mmap_key(metric.name, sample.name, names, labels, metric.documentation)
                files[metric.type].write_value(key, sample.value, 0.0)


def _write_manifest(folder: str, manifest: Manifest) -> None:
    path = os.path.join(folder, _MANIFEST)
    with open(f"{path}.new", "w", encoding="ascii") as file:
        json.dump([manifest.archive, sorted(manifest.merged)], file)
    os.replace(f"{path}.new", path)


def _remove_merged(folder: str, manifest: Manifest) -> None:
    """Remove the files that count no longer, and archives that were replaced or not completed."""
    for file in _files(folder):
        if file.number in manifest.merged:
            os.remove(file.path)
    for name in os.listdir(folder):
        if name.startswith(_ARCHIVE) and name != manifest.archive:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
