"""Workers for tests: one that tells what it counts, others with more or less patience."""

import resource

from flask_echo import worker
from flask_echo.worker import LongConnectionWorker


class CountingWorker(LongConnectionWorker):
    """Logs gunicorn's count of connections whenever it has changed."""

    _told: int | None = None

    def murder_pending(self) -> None:
        super().murder_pending()
        if self.nr_conns != self._told:
            self._told = self.nr_conns
            self.log.info("counted: %d.", self.nr_conns)


class StarvedWorker(LongConnectionWorker):
    """Has few open files to spare."""

    def init_process(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
        super().init_process()


class ImpatientWorker(LongConnectionWorker):
    """Waits a second for headers and responses."""

    def init_process(self) -> None:
        worker.HEADER_TIMEOUT_SECONDS = worker.RESPONSE_TIMEOUT_SECONDS = 1.0
        super().init_process()


class PatientWorker(LongConnectionWorker):
    """Leaves connections more time at its end, as a busy machine may need it."""

    def init_process(self) -> None:
        worker.QUICK_SECONDS = worker.LINGER_SECONDS = 8.0
        super().init_process()


class UntestedWorker(LongConnectionWorker):
    """Is tested with another gunicorn."""

    tested_gunicorn = "1.2.3"
