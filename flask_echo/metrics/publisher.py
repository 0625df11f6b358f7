"""Publishes the figures of this process, and renders those of all workers for Prometheus."""

import atexit
import logging
import os
import threading
from contextlib import suppress
from time import monotonic, sleep
from typing import NamedTuple

import prometheus_client
from flask import Flask
from prometheus_client import CollectorRegistry, values
from prometheus_client.exposition import choose_encoder

from flask_echo.logs.queue import lines_dropped
from flask_echo.metrics.archive import bury, reserve
from flask_echo.metrics.collecting import SumCollector
from flask_echo.metrics.figures import Figures
from flask_echo.metrics.folder import shared_folder
from flask_echo.metrics.processes import Processes
from flask_echo.metrics.series import FILE_KINDS, Series
from flask_echo.websocket.extension import Extension, install

_log = logging.getLogger(__name__)

# Figures are at most 0.5 s old: these two together, and time for a busy worker to run the thread.
_PUBLISH_SECONDS = 0.25
# Whoever asks more often gets the same text again, so that it costs next to nothing.
_FRESH_SECONDS = 0.1


class Exposition(NamedTuple):
    """The text of all figures.

    :ivar content_type: its type.
    :ivar at: when it was made, on the monotonic clock.
    """

    content_type: str
    body: bytes
    at: float


class Publisher:
    """Publishes the figures of one application. All methods are safe in all threads.

    :param app: the application.
    :param figures: its figures in this process.
    """

    def __init__(self, app: Flask, figures: Figures) -> None:
        self._app = app
        self._figures = figures
        self._dropped = 0
        self._began: _Registered | None = None
        self._lock = threading.Lock()
        self._expositions: dict[str, Exposition] = {}
        self._render_lock = threading.Lock()

    def begin(self) -> None:
        """Make the series, after the fork. Do nothing if they are there."""
        with self._lock:
            if self._began is not None:
                return
            self._began = _register(shared_folder())
        self.publish()
        if self._began.processes is not None:
            atexit.register(self.publish)
            # Daemon, so that the process does not wait for it.
            threading.Thread(target=self._keep_publishing, name="metrics", daemon=True).start()

    def _keep_publishing(self) -> None:
        while True:
            sleep(_PUBLISH_SECONDS)
            try:
                self.publish()
            except MemoryError:
                continue
            except Exception:  # Or all later figures would be missing, too.
                _log.exception("The figures were not published")

    def publish(self) -> None:
        """Add to the series what has happened since the last time."""
        with self._lock:
            assert self._began is not None
            series = self._began.series
            series.add(self._figures.take())
            dropped = lines_dropped()
            series.add_dropped_lines(dropped - self._dropped)
            self._dropped = dropped
            _show_extension(series, install(self._app))

    def exposition(self, accept: str) -> Exposition:
        """Return the figures of all workers as text.

        :param accept: a media type that prometheus_client knows.
        """
        self.begin()
        with self._render_lock:
            known = self._expositions.get(accept)
            if known is None or monotonic() > known.at + _FRESH_SECONDS:
                known = self._expositions[accept] = self._expose(accept)
            return known

    def _expose(self, accept: str) -> Exposition:
        at = monotonic()
        self.publish()
        assert self._began is not None
        self._began.bury()
        encode, content_type = choose_encoder(accept)
        return Exposition(content_type, encode(self._began.registry), at)


class _Registered(NamedTuple):
    """The series of this process, and what collects those of all.

    :ivar processes: the processes that share a folder; None without a folder.
    """

    series: Series
    registry: CollectorRegistry
    folder: str = ""
    processes: Processes | None = None

    def bury(self) -> None:
        """Forget the files of processes that have ended."""
        if self.processes is not None:
            bury(self.folder, self.processes)


def _register(folder: str | None) -> _Registered:
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    processes = _joined(folder) if folder is not None else None
    if folder is None or processes is None:
        values.ValueClass = values.MutexValue
        return _Registered(Series(registry), registry)
    # prometheus_client reads this variable when a series is made. In this process only: a new
    # master, which SIGUSR2 starts, makes its own folder.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    values.ValueClass = values.MultiProcessValue(lambda: processes.number)  # type: ignore[no-untyped-call]
    registry.register(SumCollector(folder, processes))
    registered = _Registered(Series(None), registry, folder, processes)
    registered.bury()
    return registered


def _joined(folder: str) -> Processes | None:
    """Let this process take part in a folder. Return None if there is no room for its files."""
    reserved: list[str] = []
    try:
        processes = Processes(folder)
        for kind in FILE_KINDS:
            reserved.append(os.path.join(folder, f"{kind}_{processes.number}.db"))
            reserve(reserved[-1])
    except OSError as error:
        for path in reserved:
            with suppress(OSError):
                os.remove(path)
        _log.warning("No figures of this worker at /metrics: %s: %s", folder, error.strerror)
        return None
    return processes


def _show_extension(series: Series, extension: Extension) -> None:
    """Show seats and memory. Those of a worker that drains are no use to anybody else.

    During the spread of a reload, the workers before it and those after it have figures.
    """
    seats, budget = extension.seats.occupancy(), extension.budget
    refusing = extension.seats.refusing
    capacity = seats.seats_taken if refusing else seats.capacity
    size = budget.used if refusing else budget.size
    series.show_seats(capacity, seats.seats_taken, seats.draining)
    series.show_buffered(budget.used, size)
