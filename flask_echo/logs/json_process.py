"""Every line of the process as JSON.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import logging
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from flask.logging import default_handler

from flask_echo.logs import streams
from flask_echo.logs.json_line import JsonFormatter
from flask_echo.logs.json_stream import JSON

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# Python's warnings, and the lines of flask run. Without a handler, each of them gets one that
# formats nothing.
_NAMES = ("py.warnings", "werkzeug")

_log = logging.getLogger(__name__)

_installed = False


def install() -> None:
    """Let this process write nothing but JSON to its standard streams, from now on.

    Records without another handler, those of Flask's own handler, warnings, and exceptions that
    nobody catches become lines with fields. All else is wrapped.
    """
    global _installed
    if _installed:
        return
    _installed = True
    streams.install(JSON)
    logging.captureWarnings(True)
    for name in _NAMES:
        logging.getLogger(name).addHandler(_handler(logging.NOTSET))
    logging.lastResort = _handler(logging.WARNING)  # The level of Python's own.
    default_handler.setFormatter(JsonFormatter())
    _log_exceptions()


def _handler(level: int) -> "logging.StreamHandler[TextIO]":
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.setLevel(level)
    return handler


def _log_exceptions() -> None:
    sys.excepthook = lambda *caught: _log.critical("Uncaught exception", exc_info=caught)
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread


def _log_unraisable(caught: "UnraisableHookArgs") -> None:
    message = caught.err_msg or "Exception ignored in"
    info = (caught.exc_type, caught.exc_value, caught.exc_traceback)
    _log.error("%s: %r", message, caught.object, exc_info=info)  # type: ignore[arg-type]


def _log_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_type is SystemExit:  # As Python's own hook.
        return
    name = caught.thread.name if caught.thread else "unknown"
    info = (caught.exc_type, caught.exc_value, caught.exc_traceback)
    _log.error("Uncaught exception in thread %s", name, exc_info=info)  # type: ignore[arg-type]
