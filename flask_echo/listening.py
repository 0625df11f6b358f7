"""The address that the service listens on: from text to socket, and back to a URL.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import errno
import socket
from typing import Any

from flask_echo.startup import refuse

HIGHEST_PORT = 65535

# How many ports to try before the suggestion is 0, which leaves the choice to the kernel.
_PORTS_TO_TRY = 20


def bind_address(host: str, port: str) -> str:
    """Return host and port as gunicorn's ``bind`` takes them. Refuse a bad port.

    :param host: a name or an address. An IPv6 address may have brackets.
    """
    if not port.isdecimal() or int(port) > HIGHEST_PORT:
        refuse(f"PORT={port!r} is not allowed: use a whole number from 0 to {HIGHEST_PORT}")
    return _joined(host.strip("[]"), int(port))


def require_free(host: str, port: int) -> None:
    """End the process if gunicorn could not listen there. Suggest a port if this one is taken.

    gunicorn itself would try five times, a second apart, and log two lines each time.
    """
    host = host.strip("[]")
    try:
        _bind_once(host, port)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            other = _free_port_after(host, port)
            refuse(f"port {port} of {host} is taken: use another, --port {other} or PORT={other}")
        reason = getattr(error, "strerror", None) or error
        refuse(f"cannot listen on {_joined(host, port)}: {reason}")


def url(listener: Any, is_tls: bool) -> str:
    """Return the URL that a browser on this machine opens.

    :param listener: a listening socket.
    """
    name = listener.getsockname()
    if not isinstance(name, tuple):  # a Unix socket
        return f"unix:{name}"
    host = "localhost" if name[0] == "127.0.0.1" else name[0]
    return f"{'https' if is_tls else 'http'}://{_joined(host, name[1])}"


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind_once(host: str, port: int) -> None:
    """Bind a socket as gunicorn does, and close it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _free_port_after(host: str, port: int) -> int:
    for candidate in range(port + 1, min(port + _PORTS_TO_TRY, HIGHEST_PORT) + 1):
        try:
            _bind_once(host, candidate)
        except OSError:
            continue
        return candidate
    return 0
