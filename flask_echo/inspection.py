"""The report of ``/inspect``: the upgrade request as it arrived, and the 101."""

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
from flask_echo.config import Settings
from flask_echo.websocket import Connection
from flask_echo.websocket.headers import as_arrived

_ABOUT = (
    "The handshake as the application saw it. WSGI loses header order and case and merges repeats,"
    " so headers are shown sorted."
)

# Cookie, Authorization, and the headers that a proxy adds after a login.
_SECRET = re.compile("cookie|auth|token|secret|passw|api-?key|jwt|oidc|session|credential", re.I)

# A client may make the chain as long as it likes. The last ones were written nearest to us.
_HOPS = 20

_PACKAGES = ("flask", "flask-sock", "simple-websocket", "wsproto")

_LIMITS = ("max_message_bytes", "ping_interval_seconds", "compression", "max_connections")


def report(request: Request, connection: Connection, settings: Settings) -> dict[str, Any]:
    """Return the report, in values that JSON has.

    :param connection: the connection that ``request`` has opened.
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
    # WSGI loses the case. RFC 6455 writes WebSocket with two capitals.
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
    """Yield the hops that the headers name, the client first, at most the last 20.

    Each proxy appends the address that it saw, so the trusted ones wrote the last entries.
    """
    hops = headers.get("X-Forwarded-For", "").rsplit(",", _HOPS)[-_HOPS:]
    chain = [hop.strip() for hop in hops if hop.strip()]
    for place, address in enumerate(chain):
        # Trust all or none: a chain that is shorter than configured is not trusted at all.
        believed = len(chain) - trusted <= place and trusted <= len(chain)
        yield {"header": "X-Forwarded-For", "address": address, "trusted": believed}
    if "Forwarded" in headers:  # RFC 7239. ProxyFix does not read it, so it is never trusted.
        yield {"header": "Forwarded", "address": headers["Forwarded"], "trusted": False}


def _tls(sock: socket.socket) -> dict[str, Any] | None:
    """Return version and cipher, if TLS ends in this process."""
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
