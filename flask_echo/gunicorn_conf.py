"""gunicorn's settings for any Flask application with routes of :class:`flask_echo.websocket.Sock`.

.. code-block:: sh

    gunicorn --config python:flask_echo.gunicorn_conf app:app

Your own ``gunicorn.conf.py`` includes them, and may change them below::

    from flask_echo.gunicorn_conf import *

    bind = "0.0.0.0:8000"
    workers = 4

They leave the address to gunicorn. The number of seats comes from
``FLASK_ECHO_MAX_CONNECTIONS``, because gunicorn needs the number of threads before it loads the
application. Your own ``on_starting`` and ``pre_exec`` should call those of this module. Your own
``logger_class`` should extend :class:`flask_echo.gunicorn_log.Logger`.

**A trap:** gunicorn's master imports this module, and all that it imports, before it forks its
workers. A reload (SIGHUP) forks new workers from the same master, so they keep the old code of
these modules. Do not import the application here, nor in an own ``gunicorn.conf.py``.
"""

import math
from typing import Any

from flask_echo import capacity
from flask_echo.retirement import guide_workers
from flask_echo.siblings import siblings_of_this_master
from flask_echo.startup import (
    allow_open_files,
    fitting_seats,
    load_certificate,
    refuse,
    survive_bad_reloads,
)
from flask_echo.timetable import EXIT_SECONDS
from flask_echo.tls import ssl_context
from flask_echo.websocket.limits import Limits, lower_default
from flask_echo.websocket.options import OptionError

__all__ = [
    "backlog",
    "control_socket_disable",
    "graceful_timeout",
    "logger_class",
    "on_starting",
    "pre_exec",
    "ssl_context",
    "threads",
    "worker_class",
    "worker_connections",
]

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
_WANTED = _LIMITS.max_connections

# For the number of workers that gunicorn takes by default, and without TLS; on_starting knows both.
_SPREAD = _LIMITS.drain_spread_seconds
_capacity = capacity.measure(capacity.workers_in_environment(), spread=_SPREAD)
_seats = fitting_seats(_WANTED, _capacity)
lower_default("MAX_CONNECTIONS", _seats)

worker_class = "flask_echo.worker.LongConnectionWorker"
threads = _capacity.threads(_seats)
worker_connections = threads + _KEPT_ALIVE
backlog = 4096

# The last connection is asked to close after the delay and the spread, and ends within the close
# time-out. The process needs the rest to exit.
graceful_timeout = math.ceil(
    _LIMITS.drain_delay_seconds + _SPREAD + _LIMITS.close_timeout_seconds + EXIT_SECONDS
)

# Neither the master nor a worker waits for a log that nobody reads.
logger_class = "flask_echo.gunicorn_log.Logger"

# The socket would accept commands of gunicornc. The service has no use for it.
control_socket_disable = True

# Here and not only in on_starting, so that nothing is logged before the one line.
allow_open_files(worker_connections + _OTHER_FILES, _seats)


def on_starting(server: Any) -> None:
    """Check the certificate and the resources, and reduce the default number of seats.

    The master also begins to tell its workers why they stop; see :mod:`flask_echo.retirement`.

    A WebSocket through TLS takes two open files: its socket, and an eventfd that wakes its thread.
    """
    survive_bad_reloads(server)
    guide_workers(server, siblings_of_this_master())
    load_certificate(server.cfg)
    seats = _fit_into_workers(server)
    count = server.cfg.worker_connections + _OTHER_FILES
    if server.cfg.is_ssl:
        allow_open_files(count + seats, seats, per_seat=2)
    else:
        allow_open_files(count, seats)


def _fit_into_workers(server: Any) -> int:
    """Return the number of seats that fit into each worker. Workers get it by their fork."""
    cfg = server.cfg
    room = capacity.measure(cfg.workers, cfg.uid, spread=_SPREAD, tls=cfg.is_ssl)
    seats = fitting_seats(_WANTED, room)
    lower_default("MAX_CONNECTIONS", seats)
    if seats < _WANTED:
        server.log.warning(
            "%d seats for WebSockets in each worker, and not %d: %s",
            *(seats, _WANTED, room.fit().reason),
        )
    if cfg.threads == threads:  # A number of the user's own stays.
        cfg.set("threads", room.threads(seats))
    return seats


def pre_exec(server: Any) -> None:
    """Tell the workers, at SIGUSR2, that those of a new gunicorn will serve after them."""
    siblings_of_this_master().hand_over()
