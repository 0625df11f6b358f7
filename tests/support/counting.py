"""Workers for tests: one that tells what it counts, others with more or less patience."""

import gc
import os
import resource
import threading
import time

from flask_echo import arrivals, stopping, worker
from flask_echo.worker import LongConnectionWorker


class CountingWorker(LongConnectionWorker):
    """Logs gunicorn's count of connections whenever it has changed, and has short turns.

    Nothing wakes the main thread for the end of a connection. It notices it in its next turn.
    """

    _told: int | None = None

    def init_process(self) -> None:
        worker.TURN_SECONDS = 0.05
        super().init_process()

    def murder_pending(self) -> None:
        super().murder_pending()
        if self.nr_conns != self._told:
            self._told = self.nr_conns
            self.log.info("counted: %d.", self.nr_conns)


class EasilyBusyWorker(LongConnectionWorker):
    """Is busy although a loaded machine leaves it a fiftieth of a core only."""

    def init_process(self) -> None:
        from flask_echo import scheduling

        scheduling.BUSY_SHARE, scheduling.CALM_SHARE = 0.02, 0.01
        super().init_process()


class StarvedWorker(LongConnectionWorker):
    """Has few open files to spare."""

    def init_process(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
        super().init_process()


class ImpatientWorker(LongConnectionWorker):
    """Waits a second for headers and responses."""

    def init_process(self) -> None:
        arrivals.HEADER_TIMEOUT_SECONDS = arrivals.RESPONSE_TIMEOUT_SECONDS = 1.0
        super().init_process()


class HurriedWorker(LongConnectionWorker):
    """Waits five seconds for responses. A busy machine may stand still for some of them."""

    def init_process(self) -> None:
        arrivals.RESPONSE_TIMEOUT_SECONDS = 5.0
        super().init_process()


class LivelyWorker(HurriedWorker):
    """Keeps streams of server-sent events alive twice a second."""

    def init_process(self) -> None:
        from flask_echo.events import following, views

        for module in (following, views):
            vars(module)["ALIVE_SECONDS"] = 0.5
        super().init_process()


class PatientWorker(LongConnectionWorker):
    """Leaves connections more time at its end, as a busy machine may need it."""

    def init_process(self) -> None:
        vars(stopping).update(QUICK_SECONDS=8.0, LINGER_SECONDS=8.0, SETTLE_SECONDS=8.0)
        super().init_process()


class PatientStoreWorker(LongConnectionWorker):
    """Waits for Redis as long as a busy machine may need it."""

    def init_process(self) -> None:
        from flask_echo.traces import store

        vars(store)["REDIS_SECONDS"] = 8.0
        super().init_process()


class UntestedWorker(LongConnectionWorker):
    """Is tested with another gunicorn."""

    tested_gunicorn = "1.2.3"


class OrdinaryWorker(LongConnectionWorker):
    """Changes from root to a user that may have 28 threads, once the tests ask for a second page.

    By then the first page is complete, and all modules are loaded, which that user may not be
    able to read. The third request is the second page: a server is up when it has answered one.
    """

    USER = 12345

    def murder_pending(self) -> None:
        super().murder_pending()
        if self.nr >= 3 and os.getuid() == 0:
            os.fchown(self.tmp.fileno(), self.USER, self.USER)
            os.setresgid(self.USER, self.USER, self.USER)
            resource.setrlimit(resource.RLIMIT_NPROC, (28, 28))
            os.setresuid(self.USER, self.USER, self.USER)


class StuckWorker(LongConnectionWorker):
    """Its main loop ends up in :meth:`stand_still` once a page has been served."""

    def stand_still(self) -> None:
        """Wait for a lock that nobody releases."""
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    def murder_pending(self) -> None:
        super().murder_pending()
        if self.nr >= 3:  # The tests have asked twice for the health of the server.
            self.log.info("The main loop stands still.")
            self.stand_still()


class SpinningWorker(StuckWorker):
    """Its main loop computes for ever."""

    def stand_still(self) -> None:
        while True:
            pass


class SleepingWorker(StuckWorker):
    """Its main loop asks again and again for something that never happens."""

    def stand_still(self) -> None:
        while True:
            time.sleep(0.05)


class ReportingWorker(LongConnectionWorker):
    """Tells, while it serves, what it has done to be quick."""

    def murder_pending(self) -> None:
        super().murder_pending()
        self.log.info("%d objects are frozen.", gc.get_freeze_count())
        self.log.info("%d settings are attributes.", len(self.cfg.settings.keys() & vars(self.cfg)))
