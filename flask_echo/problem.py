"""A reason for no WebSocket, as an answer: problem details (RFC 9457), or a page for people."""

import json
from http import HTTPStatus
from typing import Any

from flask import Response, render_template, request

from flask_echo.arrival import as_arrived
from flask_echo.handshake import Refusal
from flask_echo.state import state

_JSON = "application/problem+json"

# Browsers send about 150 characters; parsing hundreds of KiB would take seconds.
_LONGEST_ACCEPT = 1000

# What of a request decides about a WebSocket, and what betrays a proxy.
_NEEDED = ("Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key")
_TELLING = ("Host", "Origin", "Via", "Forwarded", "X-Forwarded-For")


def respond(refusal: Refusal) -> Response:
    """Answer the current request with ``refusal``."""
    details = _details(refusal)
    if _prefers_a_page():
        body, kind = render_template("problem.html", **details), "text/html"
    else:
        body, kind = json.dumps(details, indent=2) + "\n", _JSON
    answer = Response(body, refusal.status, dict(refusal.headers), mimetype=kind)
    answer.headers["Vary"] = "Accept"
    return answer


def _prefers_a_page() -> bool:
    if len(request.headers.get("Accept", "")) > _LONGEST_ACCEPT:
        return False
    kinds = (_JSON, "application/json", "text/html")
    return request.accept_mimetypes.best_match(kinds) == "text/html"


def _details(refusal: Refusal) -> dict[str, Any]:
    """The members of a problem details object; all after ``detail`` are extensions of ours.

    A page whose WebSocket failed is told nothing by its browser; it can fetch the same address
    and read here what is missing, and whether its origin would be allowed (null: all are).
    """
    origins = state().settings.allowed_origins
    return {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.detail,
        "arrived": _arrived(),
        "missing": list(refusal.missing),
        "culprit": refusal.culprit,
        "cure": dict(refusal.cure),
        "allowed": dict(refusal.allowed),
        "origins": None if origins is None else sorted(origins),
    }


def _arrived() -> dict[str, str | None]:
    """The protocol and the headers that matter; None for one that should have come."""
    environ = as_arrived(request.environ)
    arrived = {name: environ.get(_key(name)) for name in _NEEDED}
    arrived |= {name: environ[_key(name)] for name in _TELLING if _key(name) in environ}
    return {"HTTP version": environ.get("SERVER_PROTOCOL"), **arrived}


def _key(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"
