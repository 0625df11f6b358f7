"""Refusals: why there is no WebSocket, as an HTTP response with problem details (RFC 9457)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Response, request

from flask_echo.websocket.headers import as_arrived, environ_key

# The headers that a WebSocket needs, and those that a proxy leaves behind.
_NEEDED = ("Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key")
_TELLING = ("Host", "Origin", "Via", "Forwarded", "X-Forwarded-For")
# How much of each value a response repeats, in characters. A client may send hundreds of KiB.
_SHOWN = 500


@dataclass(frozen=True)
class Refusal:
    """Why there is no WebSocket: an HTTP status, headers, and sentences.

    :param status: the HTTP status.
    :param detail: says what is wrong with the request.
    :param advice: says who usually causes that, and what to do.
    :param missing: header lines that should have arrived.
    :param cure: what to configure in a proxy, by product.
    :param allowed: the choices, where the choice was wrong.
    :param headers: of the response.
    :param limit: the field of :class:`~flask_echo.websocket.limits.Limits` that was reached.
    :param problem: names the kind of problem, for programs: such as ``origin``.
    """

    status: int
    detail: str
    advice: str
    missing: Sequence[str] = ()
    cure: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: str = ""
    problem: str = ""


Respond = Callable[[Refusal], Response]


def details(refusal: Refusal) -> dict[str, Any]:
    """Return ``refusal`` of the current request as a problem details object.

    The members after ``detail`` are extensions (RFC 9457, section 3.2).
    """
    return {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.detail,
        "problem": refusal.problem,
        "arrived": _arrived(),
        "missing": list(refusal.missing),
        "advice": refusal.advice,
        "cure": dict(refusal.cure),
        "allowed": dict(refusal.allowed),
    }


def _arrived() -> dict[str, str | None]:
    """The protocol, the path and the headers that matter; None for one that should have come."""
    environ = as_arrived(request.environ)
    arrived = {name: _shown(environ.get(environ_key(name))) for name in _NEEDED}
    arrived |= {
        name: _shown(environ[environ_key(name)])
        for name in _TELLING
        if environ_key(name) in environ
    }
    path = _shown(environ.get("PATH_INFO"))
    return {"HTTP version": environ.get("SERVER_PROTOCOL"), "Path": path, **arrived}


def _shown(value: str | None) -> str | None:
    if value is None or len(value) <= _SHOWN:
        return value
    return f"{value[:_SHOWN]}... ({len(value)} characters)"


def respond(refusal: Refusal) -> Response:
    """Respond to the current request with ``refusal``, as JSON."""
    return json_response(refusal, details(refusal))


def json_response(refusal: Refusal, members: Mapping[str, Any]) -> Response:
    """Respond with ``members`` of a problem details object, and the headers of ``refusal``."""
    body = json.dumps(members, indent=2) + "\n"
    kind = "application/problem+json"
    return Response(body, refusal.status, dict(refusal.headers), mimetype=kind)


# What this server has no more of for now.
NO_SEAT = Refusal(
    503,
    "All seats of this worker are taken, or it is about to stop.",
    "Try again in a moment. The operator of this server can raise the number of seats.",
    headers={"Retry-After": "2"},
    limit="max_connections",
    problem="full",
)

NO_THREAD = Refusal(
    503,
    "The system gives this server no more threads.",
    "Try again in a moment. The operator of this server can raise its limit on processes.",
    headers={"Retry-After": "2"},
    problem="threads",
)


def too_many(most: int) -> Refusal:
    """Refuse a client that has as many connections as it may have.

    :param most: how many that is.
    """
    return Refusal(
        429,
        f"This client has {most} WebSockets open at this worker, and may have no more.",
        "Close one first. A client is an IPv4 address, or a /64 of IPv6.",
        headers={"Retry-After": "2"},
        limit="max_connections_per_client",
        problem="client-share",
    )


def too_fast(rate: int, wait: int) -> Refusal:
    """Refuse an upgrade request that comes too early.

    :param rate: how many a client may send in a second.
    :param wait: seconds until another one may come.
    """
    return Refusal(
        429,
        f"This client may send {rate} upgrade requests per second to this worker, and sent more.",
        "Wait before you try again. A client is an IPv4 address, or a /64 of IPv6.",
        headers={"Retry-After": str(wait)},
        limit="max_handshakes_per_second_per_client",
        problem="handshake-rate",
    )
