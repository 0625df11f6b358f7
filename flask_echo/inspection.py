"""What the application saw of an upgrade request, and what it answered, as a report."""

import os
import platform
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from flask_echo import __version__
from flask_echo.arrival import as_arrived
from flask_echo.config import Settings
from flask_echo.connection import Connection

_ABOUT = (
    "What the application saw. A WSGI server hands over neither the order of the headers nor the"
    " case of their names, and joins those that come more than once; here they are sorted."
)

# Cookie, Authorization and Proxy-Authorization; and what proxies that log people in add for the
# application, which is nobody else's business either.
_SECRET = re.compile("cookie|auth|token|secret|passw|api-?key|jwt|oidc|session|credential", re.I)

# Of a chain that a client may make as long as it likes; the last were written nearest to us.
_HOPS = 20

_PACKAGES = ("flask", "flask-sock", "simple-websocket", "wsproto")

_LIMITS = ("max_message_bytes", "ping_interval_seconds", "compression", "max_connections")


def report(request: Request, connection: Connection, settings: Settings) -> dict[str, Any]:
    """Tell all of it, in values that JSON knows.

    :param connection: the answered upgrade of ``request``.
    """
    return {
        "about": _ABOUT,
        "request": _request(request),
        "response": {"head": connection.head.decode("latin-1")},
        "peer": _peer(request, settings.trusted_proxies),
        "negotiated": {
            "subprotocol": connection.subprotocol,
            "extensions": connection.extensions,
        },
        "secure": request.is_secure,
        "tls": _tls(connection.sock),
        "server": _server(request.environ),
        "limits": {name: getattr(settings, name) for name in _LIMITS},
    }


def _request(request: Request) -> dict[str, Any]:
    environ = as_arrived(request.environ)
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]
    # WSGI has no case; this is how RFC 6455 writes its own.
    headers = {name.replace("Websocket", "WebSocket"): value for name, value in request.headers}
    headers["Host"] = environ.get("HTTP_HOST", "")
    return {
        "line": f"{environ['REQUEST_METHOD']} {target} {environ['SERVER_PROTOCOL']}",
        "headers": [[name, _shown(name, headers[name])] for name in sorted(headers)],
        "masked": [name for name in sorted(headers) if _SECRET.search(name)],
    }


def _shown(name: str, value: str) -> str:
    return f"(masked, {len(value)} characters)" if _SECRET.search(name) else value


def _peer(request: Request, trusted: int) -> dict[str, Any]:
    environ = as_arrived(request.environ)
    port = environ.get("REMOTE_PORT")
    return {
        "address": environ.get("REMOTE_ADDR") or None,  # A Unix socket has none.
        "port": int(port) if port else None,
        "client": request.remote_addr or None,
        "trusted_proxies": trusted,
        "forwarded": list(_forwarded(request.headers, trusted)),
    }


def _forwarded(headers: Headers, trusted: int) -> Iterator[dict[str, Any]]:
    """Who is said to have passed the request on, the client first, 20 at most. Each proxy appends
    the address that it saw, so the last ones were written by those that are trusted."""
    hops = headers.get("X-Forwarded-For", "").rsplit(",", _HOPS)[-_HOPS:]
    chain = [hop.strip() for hop in hops if hop.strip()]
    for place, address in enumerate(chain):
        # All or none: a chain that is shorter than agreed is believed in nothing.
        believed = len(chain) - trusted <= place and trusted <= len(chain)
        yield {"header": "X-Forwarded-For", "address": address, "trusted": believed}
    if "Forwarded" in headers:  # RFC 7239; the middleware that believes proxies does not read it.
        yield {"header": "Forwarded", "address": headers["Forwarded"], "trusted": False}


def _tls(sock: socket.socket) -> dict[str, Any] | None:
    """What was negotiated, where TLS ends in this process."""
    if not isinstance(sock, ssl.SSLSocket):
        return None
    cipher = sock.cipher()
    return {"version": sock.version(), "cipher": cipher[0] if cipher else None}


def _server(environ: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "software": {**_software(), "server": environ.get("SERVER_SOFTWARE", "")},
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


@cache
def _software() -> dict[str, str]:
    packages = {name: version(name) for name in _PACKAGES}
    return {"flask-echo": __version__, "python": platform.python_version(), **packages}
