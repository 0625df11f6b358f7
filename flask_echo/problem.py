"""A reason for no WebSocket, as an answer: problem details (RFC 9457), or a page for people."""

import json
from http import HTTPStatus
from typing import Any

from flask import Response, render_template, request

from flask_echo.handshake import Refusal

_JSON = "application/problem+json"

# What of a request decides about a WebSocket, and what betrays a proxy.
_NEEDED = ("Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key")
_TELLING = ("Host", "Origin", "Via", "Forwarded", "X-Forwarded-For")


def respond(refusal: Refusal) -> Response:
    """Answer the current request with ``refusal``."""
    details = _details(refusal)
    if request.accept_mimetypes.best_match((_JSON, "application/json", "text/html")) == "text/html":
        body, kind = render_template("problem.html", **details), "text/html"
    else:
        body, kind = json.dumps(details, indent=2) + "\n", _JSON
    answer = Response(body, refusal.status, dict(refusal.headers), mimetype=kind)
    answer.headers["Vary"] = "Accept"
    return answer


def _details(refusal: Refusal) -> dict[str, Any]:
    """The members of a problem details object; all after ``detail`` are extensions of ours."""
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
    }


def _arrived() -> dict[str, str | None]:
    """The protocol and the headers that matter; None for one that should have come."""
    headers = {name: request.headers.get(name) for name in _NEEDED}
    headers |= {name: request.headers[name] for name in _TELLING if name in request.headers}
    return {"HTTP version": request.environ.get("SERVER_PROTOCOL"), **headers}
