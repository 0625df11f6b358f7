"""gunicorn's logger, which does not block.

A logger class of your own keeps that if it extends this one::

    from flask_echo.gunicorn_log import Logger

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import logging
from typing import Any

from gunicorn import glogging

from flask_echo.logs import streams


class Logger(glogging.Logger):
    """Writes where gunicorn's settings say, through the queues of :mod:`flask_echo.logs`.

    It replaces ``sys.stdout`` and ``sys.stderr`` in the master, and so in the workers: lines of the
    application, ``print`` and tracebacks do not block either. Handlers that the application or a
    ``logconfig`` opens for files and sockets stay as they are.
    """

    def __new__(cls, cfg: Any) -> "Logger":
        """Choose the class, as gunicorn does for ``statsd_host`` if the logger is its own."""
        if cfg.statsd_host and cls is Logger:
            return super().__new__(_statsd_class())
        return super().__new__(cls)

    def __init__(self, cfg: Any) -> None:
        streams.install()
        self._files: set[logging.FileHandler] = set()
        super().__init__(cfg)

    def setup(self, cfg: Any) -> None:
        """Make the handlers, at the start and after SIGHUP."""
        super().setup(cfg)
        files = set(self._find_files())
        for replaced in self._files - files:
            replaced.close()
        self._files = files
        self._queue_files()

    def reopen_files(self) -> None:
        """Open the files again, after SIGUSR1."""
        super().reopen_files()
        self._queue_files()

    def _find_files(self) -> list[logging.FileHandler]:
        """Return gunicorn's own handlers of files. A subclass may need its stream as it is."""
        handlers = [*self.error_log.handlers, *self.access_log.handlers]
        return [handler for handler in handlers if type(handler) is logging.FileHandler]

    def _queue_files(self) -> None:
        for handler in self._files:
            if handler.stream is not None and not streams.is_queued(handler.stream):
                handler.setStream(streams.queued(handler.stream))


def _statsd_class() -> type[Logger]:
    from gunicorn.instrument.statsd import Statsd

    class StatsdLogger(Logger, Statsd):
        """The same, and sends figures to statsd."""

    return StatsdLogger
