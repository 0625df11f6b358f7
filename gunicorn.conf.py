"""gunicorn's settings; `gunicorn wsgi:app` reads them from the directory it is started in."""

import math
import os
import resource
import sys
from typing import NoReturn

from flask_echo.config import Settings, load_settings
from flask_echo.websocket.options import OptionError
from flask_echo.worker import EXIT_SECONDS

# Beside the seats: threads for pages and for connections that have not said yet what they want.
# They are made when they are needed; so many half requests at once delay pages.
_RESERVE = 1024
# Beside the threads: connections that are kept alive between two requests.
_KEPT_ALIVE = 256
# Listeners, logs, pipes, and what Python itself opens.
_OTHER_FILES = 64


def _stop(reason: str) -> NoReturn:
    print(f"flask_echo: {reason}", file=sys.stderr)
    sys.exit(2)


def _settings() -> Settings:
    try:
        return load_settings()
    except OptionError as error:
        _stop(str(error))


def _address() -> str:
    host = (os.environ.get("HOST") or "127.0.0.1").strip("[]")
    port = os.environ.get("PORT") or "8080"
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        _stop(f"PORT={port!r}: must be a whole number from 0 to 65535")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _allow_open_files(seats: int, count: int) -> None:
    """Raise this process's limit on open files to ``count``, or say why it cannot run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard < count and hard != resource.RLIM_INFINITY:
        _stop(
            f"FLASK_ECHO_MAX_CONNECTIONS={seats}: needs {count} open files and the limit is"
            f" {hard} (ulimit -Hn), enough for 1 to {hard - count + seats}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


settings = _settings()

bind = _address()
worker_class = "flask_echo.worker.LongConnectionWorker"
threads = settings.max_connections + _RESERVE
worker_connections = threads + _KEPT_ALIVE
backlog = 4096

# Each connection gets its goodbye within the close time-out; the rest is for the exit.
graceful_timeout = math.ceil(settings.close_timeout_seconds + EXIT_SECONDS)

control_socket_disable = True

# From a proxy on this machine too, headers are headers: FLASK_ECHO_TRUSTED_PROXIES says what is
# believed, of the scheme as of the rest.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

_allow_open_files(settings.max_connections, worker_connections + _OTHER_FILES)
