"""gunicorn's settings for any Flask application with routes of :class:`flask_echo.websocket.Sock`.

.. code-block:: sh

    gunicorn --config python:flask_echo.gunicorn_conf app:app

Your own ``gunicorn.conf.py`` includes them, and may change them below::

    from flask_echo.gunicorn_conf import *

    bind = "0.0.0.0:8000"
    workers = 4

They leave the address to gunicorn. The number of seats comes from
``FLASK_ECHO_MAX_CONNECTIONS``, because gunicorn needs the number of threads before it loads the
application. Your own ``on_starting`` should call the one of this module.

**A trap:** gunicorn's master imports this module, and all that it imports, before it forks its
workers. A reload (SIGHUP) forks new workers from the same master, so they keep the old code of
these modules. Do not import the application here, nor in an own ``gunicorn.conf.py``.
"""

import math
from typing import Any

from flask_echo.startup import allow_open_files, refuse
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.options import OptionError
from flask_echo.worker import EXIT_SECONDS

__all__ = [
    "backlog",
    "control_socket_disable",
    "graceful_timeout",
    "on_starting",
    "threads",
    "worker_class",
    "worker_connections",
]

# Threads beside those of the seats: for pages, and for requests whose header has not arrived yet.
# The pool starts a thread when it needs one.
_SPARE_THREADS = 1024
# Connections beside those with a thread: they are kept alive between two requests.
_KEPT_ALIVE = 256
# Listeners, logs, pipes, and the files of Python itself.
_OTHER_FILES = 64


def _limits() -> Limits:
    try:
        return Limits.from_environment()
    except OptionError as error:
        refuse(str(error))


_LIMITS = _limits()
_SEATS = _LIMITS.max_connections

worker_class = "flask_echo.worker.LongConnectionWorker"
threads = _SEATS + _SPARE_THREADS
worker_connections = threads + _KEPT_ALIVE
backlog = 4096

# Each connection ends within the close time-out. The process needs the rest to exit.
graceful_timeout = math.ceil(_LIMITS.close_timeout_seconds + EXIT_SECONDS)

# The socket would accept commands of gunicornc. The service has no use for it.
control_socket_disable = True

# Here and not only in on_starting, so that nothing is logged before the one line.
allow_open_files(worker_connections + _OTHER_FILES, _SEATS)


def on_starting(server: Any) -> None:
    """Allow the open files that the final settings need.

    A WebSocket through TLS takes two: its socket, and an eventfd that wakes its thread.
    """
    count = server.cfg.worker_connections + _OTHER_FILES
    if server.cfg.is_ssl:
        allow_open_files(count + _SEATS, _SEATS, per_seat=2)
    else:
        allow_open_files(count, _SEATS)
