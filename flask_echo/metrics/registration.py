"""How the figures of this process take part in those of all workers."""

import logging
import os
from contextlib import ExitStack, suppress
from threading import Lock

import prometheus_client
from prometheus_client import CollectorRegistry, values

from flask_echo.metrics.archive import bury, reserve
from flask_echo.metrics.collecting import SumCollector
from flask_echo.metrics.figures import NoFigures
from flask_echo.metrics.processes import Processes
from flask_echo.metrics.series import FILE_KINDS, Series

_log = logging.getLogger(__name__)

# prometheus_client has one class of values, for all series that are made.
_making_series = Lock()


class Registration:
    """The series of this process, and what collects those of all workers.

    :param folder: the folder that the workers share; None if this process is alone.
    :ivar series: those of this process; None while the folder has no room for them.
    :ivar registry: collects those of all workers.
    """

    def __init__(self, folder: str | None) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.series: Series | None = None
        self.registry = CollectorRegistry()
        self._folder = folder
        # Made once: to close one of several would release the locks of all.
        self._processes: Processes | None = None
        self._problem = ""
        self.join()

    def join(self) -> None:
        """Make the series, if the folder has room for them. One thread at a time may call this."""
        if self._folder is None:
            self.series = _make_series(values.MutexValue, self.registry)
            return
        try:
            processes = self._take_room(self._folder)
        except OSError as error:
            self._note_problem(error)
            return
        # prometheus_client reads this variable when a series is made. In this process only: a new
        # master, which SIGUSR2 starts, makes its own folder.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = self._folder
        shared = values.MultiProcessValue(lambda: processes.number)  # type: ignore[no-untyped-call]
        self.series = _make_series(shared, None)
        self.registry.register(SumCollector(self._folder, processes))

    def _take_room(self, folder: str) -> Processes:
        """Take room for the files of this process.

        :raises OSError: if there is none.
        """
        processes = self._processes = self._processes or Processes(folder)
        bury(folder, processes)  # This makes room.
        with ExitStack() as undo:
            for kind in FILE_KINDS:
                path = os.path.join(folder, f"{kind}_{processes.number}.db")
                undo.callback(_remove, path)
                reserve(path)
            undo.pop_all()
        return processes

    def _note_problem(self, error: OSError) -> None:
        if not self._problem:
            _log.warning("No figures at /metrics: %s: %s", self._folder, error.strerror)
        self._problem = str(error.strerror)

    def prepare(self) -> None:
        """Forget the files of processes that have ended, before the figures are collected.

        :raises NoFigures: without the folder, or if this worker has no room in it. The figures of
            some workers alone would let counters go back.
        """
        if self._folder is None:
            return
        if not os.path.isdir(self._folder):
            raise NoFigures(f"somebody has removed {self._folder}. Restart the service.")
        if self.series is None or self._processes is None:
            raise NoFigures(
                f"this worker cannot keep its own in {self._folder}: {self._problem}. It tries "
                "again all the time."
            )
        bury(self._folder, self._processes)


def _make_series(kind: object, registry: CollectorRegistry | None) -> Series:
    with _making_series:
        values.ValueClass = kind
        return Series(registry)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.remove(path)
