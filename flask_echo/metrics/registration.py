"""How the figures of this process take part in those of all workers."""

import logging
import os
from contextlib import ExitStack, suppress
from threading import Lock

from prometheus_client import CollectorRegistry, values

from flask_echo.metrics.archive import bury, reserve
from flask_echo.metrics.collecting import OwnCollector, SumCollector
from flask_echo.metrics.figures import NoFigures
from flask_echo.metrics.processes import Processes
from flask_echo.metrics.series import FILE_KINDS, Series

_log = logging.getLogger(__name__)

# prometheus_client has one class of values, for all series that are made, and reads this variable
# meanwhile.
_making_series = Lock()
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class Registration:
    """The series of this process, and what collects those of all workers.

    :param folder: the folder that the workers share; None if this process is alone.
    :ivar series: those of this process; None while the folder has no room for them.
    :ivar registry: collects those of all workers.
    """

    def __init__(self, folder: str | None) -> None:
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
            own = CollectorRegistry()
            self.series = _make_series(values.MutexValue, own)
            self.registry.register(OwnCollector(own))
            return
        try:
            self._join(self._folder)
        except OSError as error:
            self._note_problem(error)

    def _join(self, folder: str) -> None:
        """Make the series in the files of this process.

        :raises OSError: if there is no room for them.
        """
        processes = self._processes = self._processes or Processes(folder)
        bury(folder, processes)  # This makes room.
        shared = values.MultiProcessValue(lambda: processes.number)  # type: ignore[no-untyped-call]
        with ExitStack() as undo:
            for kind in FILE_KINDS:
                path = os.path.join(folder, f"{kind}_{processes.number}.db")
                undo.callback(_remove, path)  # Also if there was room for a part only.
                reserve(path)
            self.series = _make_series(shared, None, folder)
            undo.pop_all()
        self.registry.register(SumCollector(folder, processes))

    def _note_problem(self, error: OSError) -> None:
        if not self._problem:
            _log.warning("No figures at /metrics: %s: %s", self._folder, error.strerror)
        self._problem = str(error.strerror)

    def check(self) -> None:
        """Check that the figures of all workers can be known.

        :raises NoFigures: without the folder, or if this worker has no room in it. The figures of
            some workers alone would let counters go back.
        """
        if self._folder is None:
            return
        if not os.path.isdir(self._folder):
            raise NoFigures(f"somebody has removed {self._folder}. Restart the service.")
        if self.series is None:
            raise NoFigures(
                f"this worker cannot keep its own in {self._folder}: {self._problem}. It tries "
                "again all the time."
            )

    def prepare(self) -> None:
        """Forget the files of processes that have ended, before the figures are collected.

        :raises NoFigures: as :meth:`check` does.
        """
        self.check()
        if self._folder is not None and self._processes is not None:
            bury(self._folder, self._processes)


def _make_series(
    kind: object, registry: CollectorRegistry | None, folder: str | None = None
) -> Series:
    """Make all series of this process. The series of the application around it stay as they are.

    :param kind: the class of their values.
    :param folder: where their files are.
    """
    with _making_series, ExitStack() as undo:
        undo.callback(setattr, values, "ValueClass", values.ValueClass)
        values.ValueClass = kind
        if folder is not None:
            undo.callback(_restore, os.environ.get(_VARIABLE))
            os.environ[_VARIABLE] = folder
        return Series(registry)


def _restore(folder: str | None) -> None:
    if folder is None:
        del os.environ[_VARIABLE]
    else:
        os.environ[_VARIABLE] = folder


def _remove(path: str) -> None:
    with suppress(OSError):
        os.remove(path)
