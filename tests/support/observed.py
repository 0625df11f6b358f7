"""An application with three observers: one prints what it learns, and two fail."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from flask_echo.websocket import Connection, Observer, Refusal, Sock, Upgrade, Watch, observe
from flask_echo.websocket.extension import install
from flask_echo.websocket.transport import Transport


def _tell(*words: object) -> None:
    print("observed:", *words, flush=True)


class _TellingWatch(Watch):
    def __init__(self, app: Flask) -> None:
        self._app = app

    def transport(self, transport: Transport) -> Transport:
        _tell("transport")
        return transport

    def read_ahead(self, data: bytes) -> None:
        _tell("read ahead", len(data))

    def opening(self, connection: Connection) -> None:
        _tell("opening", connection.head.split(b" ")[1].decode())
        connection.count_messages()

    def closed(self, connection: Connection) -> None:
        seats = install(self._app).seats.occupancy().seats_taken
        _tell("closed", connection.close_reason, "seats", seats)
        _tell("first close", *(connection.first_close or ("none",)))
        _tell("received", connection.count_messages().received_bytes)


class _Telling(Observer):
    def __init__(self, app: Flask) -> None:
        self._app = app

    def refused(self, environ: Mapping[str, Any], refusal: Refusal) -> None:
        _tell("refused", refusal.status)

    def failed(self, environ: Mapping[str, Any], status: int) -> None:
        _tell("failed", environ["PATH_INFO"], status)

    def upgrading(self, environ: Mapping[str, Any]) -> Watch | None:
        _tell("upgrading", environ["PATH_INFO"])
        return _TellingWatch(self._app)


class _FailingWatch(Watch):
    def transport(self, transport: Transport) -> Transport:
        raise RuntimeError("transport")

    def opening(self, connection: Connection) -> None:
        raise RuntimeError("opening")

    def closed(self, connection: Connection) -> None:
        raise RuntimeError("closed")


class _Failing(Observer):
    def refused(self, environ: Mapping[str, Any], refusal: Refusal) -> None:
        raise RuntimeError("refused")

    def failed(self, environ: Mapping[str, Any], status: int) -> None:
        raise RuntimeError("failed")

    def upgrading(self, environ: Mapping[str, Any]) -> Watch | None:
        raise RuntimeError("upgrading")


class _Watching(Observer):
    def upgrading(self, environ: Mapping[str, Any]) -> Watch | None:
        return _FailingWatch()


def _unauthorized() -> tuple[str, int]:
    return "Log in first.", 401


def _break(upgrade: Upgrade) -> Upgrade:
    raise RuntimeError("hook")


def app() -> Flask:
    """Make the application."""
    made = Flask("observed")
    made.add_url_rule("/", view_func=lambda: "up")
    sock = Sock(made)

    @sock.route("/echo")
    def echo(ws: Connection) -> None:
        while True:
            ws.send(ws.receive())

    @sock.route("/guarded", decorators=[lambda view: _unauthorized])
    @sock.route("/broken", endpoint="broken", hook=_break)
    def unreachable(ws: Connection) -> None:
        raise AssertionError

    for observer in (_Failing(), _Telling(made), _Watching()):
        observe(made, observer)
    return made
