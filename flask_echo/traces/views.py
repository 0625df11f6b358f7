"""The blueprint of ``/traces``, and what makes an application keep traces."""

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlsplit

from cachelib.base import BaseCache
from flask import Blueprint, Flask, Response, current_app, jsonify, request

from flask_echo import inspection
from flask_echo.config import Settings
from flask_echo.traces.folder import shared_folder
from flask_echo.traces.ids import is_id
from flask_echo.traces.observer import TraceObserver
from flask_echo.traces.store import OtherFormat, Store, files_in, redis_at
from flask_echo.websocket import observe
from flask_echo.websocket.clients import client_of
from flask_echo.websocket.extension import install

bp = Blueprint("traces", __name__)

_KEY = "flask_echo.traces"
_TURNED_OFF = "the operator of this server has turned them off"
_OTHER_FORMAT = "another version of flask-echo has stored this trace, and this one cannot read it"


def keep_traces(app: Flask, settings: Settings) -> None:
    """Let ``app`` keep traces of the WebSockets that ask for one, unless they are off."""
    store = None
    if settings.traces != "off":
        place = settings.traces
        store = Store(_cache(place), partial(_name, place), lambda: install(app).sharers)
    app.extensions[_KEY] = store
    if store is not None:
        describe = partial(_described, settings)
        observe(app, TraceObserver(store, describe, lambda: client_of(request.remote_addr)))


def _cache(place: str) -> Callable[[], BaseCache]:
    return (lambda: files_in(shared_folder())) if place == "local" else partial(redis_at, place)


def _name(place: str) -> str:
    """Name a store without telling where it is. Servers with one store have one name for it.

    Anybody may ask for the name, and could try passwords until one makes the same.
    """
    where = shared_folder() if place == "local" else _without_password(place)
    return sha256(where.encode()).hexdigest()[:12]


def _without_password(url: str) -> str:
    """Return host, port and database of a Redis. Its query may have a password, too."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}{parts.path}"


def _described(settings: Settings) -> dict[str, object]:
    return {
        **inspection.arrived(request, settings),
        "server": inspection.process(),
        "limits": inspection.limits(settings),
    }


def _store() -> Store | None:
    store: Store | None = current_app.extensions[_KEY]
    return store


@bp.get("/traces")
def status() -> Response:
    """Say whether traces are kept, and why not."""
    return _private(jsonify(_status()))


@bp.get("/traces/<trace>")
def trace(trace: str) -> tuple[Response, int]:
    """Show the attempts with an ID, also of a connection that is open."""
    store = _store()
    try:
        attempts = store.get(trace.lower()) if store is not None and is_id(trace) else []
    except OtherFormat:
        # "on" would say that the request has not arrived.
        status = {**_status(), "status": "off", "reason": _OTHER_FORMAT}
        return _private(jsonify(**status, attempts=[])), HTTPStatus.NOT_FOUND
    if not attempts:
        return _private(jsonify(**_status(), attempts=[])), HTTPStatus.NOT_FOUND
    names = json.dumps({"id": trace.lower(), "store": store.name if store else None})
    body = f'{names[:-1]}, "attempts": [{", ".join(attempts)}]}}\n'
    return _private(Response(body, mimetype="application/json")), HTTPStatus.OK


def _status() -> dict[str, object]:
    store = _store()
    if store is None:
        return {"status": "off", "reason": _TURNED_OFF, "dropped_at": None, "store": None}
    dropped_at = store.dropped_at()  # This also finds out whether the store works.
    status = "off" if store.reason else "on"
    reason = store.reason or None
    return {"status": status, "reason": reason, "dropped_at": dropped_at, "store": store.name}


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
