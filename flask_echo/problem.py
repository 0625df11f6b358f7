"""The service's refusals: the library's problem details, or a page for people."""

from dataclasses import replace
from typing import Any

from flask import Response, current_app, render_template

from flask_echo.config import Settings
from flask_echo.pages import prefers_a_page
from flask_echo.websocket import Refusal
from flask_echo.websocket.limits import PREFIX
from flask_echo.websocket.refusal import details, json_response

# Which setting the operator can change, by status. A refusal may name another one.
_SETTINGS = {
    403: "To allow an origin, add it to FLASK_ECHO_ALLOWED_ORIGINS.",
}


def respond(refusal: Refusal) -> Response:
    """Respond to the current request with ``refusal``, as JSON or as a page."""
    setting = _SETTINGS.get(refusal.status)
    if refusal.limit:
        setting = f"The setting is {PREFIX}_{refusal.limit.upper()}."
    if setting:
        refusal = replace(refusal, advice=f"{refusal.advice} {setting}")
    members = {**details(refusal), "origins": _origins()}
    response = _page(refusal, members) if prefers_a_page() else json_response(refusal, members)
    # It repeats headers of the request, so it is for nobody else.
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response


def _origins() -> list[str] | None:
    """The allowed origins; None allows all.

    A browser does not tell its page why a WebSocket failed. The page can ask here instead.
    """
    settings: Settings = current_app.extensions["flask_echo"]
    origins = settings.allowed_origins
    return None if origins is None else sorted(origins)


def _page(refusal: Refusal, members: dict[str, Any]) -> Response:
    page = render_template("problem.html", **members)
    return Response(page, refusal.status, dict(refusal.headers), mimetype="text/html")
