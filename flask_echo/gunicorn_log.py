"""gunicorn's logger, which does not block.

A logger class of your own keeps that if it extends one of these::

    from flask_echo.gunicorn_log import JsonLogger, Logger

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import logging
from typing import Any

from gunicorn import glogging

from flask_echo.access_fields import AccessAtoms, add_fields
from flask_echo.logs import json_process, streams
from flask_echo.logs.json_line import JsonFormatter
from flask_echo.logs.json_stream import JSON


class Logger(glogging.Logger):
    """Writes where gunicorn's settings say, through the queues of :mod:`flask_echo.logs`.

    It replaces ``sys.stdout`` and ``sys.stderr`` in the master, and so in the workers: lines of the
    application, ``print`` and tracebacks do not block either. Handlers that the application or a
    ``logconfig`` opens for files and sockets stay as they are.

    :cvar style: what the streams make of texts.
    """

    style = streams.TEXT

    def __new__(cls, cfg: Any) -> "Logger":
        """Choose the class, as gunicorn does for ``statsd_host`` if the logger is its own."""
        if cfg.statsd_host and cls in (Logger, JsonLogger):
            return super().__new__(_with_statsd(cls))
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
                handler.setStream(streams.queued(handler.stream, self.style))


class JsonLogger(Logger):
    """The same, and every line of the process is JSON; see :mod:`flask_echo.logs.json_line`."""

    style = JSON
    atoms_wrapper_class = AccessAtoms

    def __init__(self, cfg: Any) -> None:
        json_process.install()
        super().__init__(cfg)

    def setup(self, cfg: Any) -> None:
        """Make the handlers, and have them write JSON to streams and files."""
        super().setup(cfg)
        self.access_log.addFilter(add_fields)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            if type(handler) in (logging.StreamHandler, logging.FileHandler):
                handler.setFormatter(JsonFormatter())


def _with_statsd(logger: type[Logger]) -> type[Logger]:
    from gunicorn.instrument.statsd import Statsd

    # The same, and sends figures to statsd.
    return type("StatsdLogger", (logger, Statsd), {})
