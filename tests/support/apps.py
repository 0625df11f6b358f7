"""Applications for tests: they use flask_echo.websocket as a library, and nothing else of it.

gunicorn and ``flask run`` load them by name, such as ``tests.support.apps:plain``.
"""

import logging
import sys
import threading
import warnings
from collections.abc import Iterable
from threading import Barrier, Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_echo.websocket import Connection, Sock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Each thread computes for a switch interval of 0.1 s, so that another one has a turn every 6 s.
COMPUTING_THREADS = 60
COMPUTING_SECONDS = 6


def _application(**options: Any) -> Flask:
    """Make an application with a page at / and an echo at /ws."""
    app = Flask(__name__)
    app.config["SOCK_SERVER_OPTIONS"] = options
    sock = app.extensions["tests"] = Sock(app)

    @app.get("/")
    def page() -> str:
        return "a page"

    @sock.route("/ws")
    def echo(ws: Connection) -> None:
        while True:
            ws.send(ws.receive())

    return app


def plain() -> Flask:
    """One application."""
    return _application()


def talkative() -> Flask:
    """An application that writes in every way, and more than a pipe takes."""
    app = _application()

    @app.get("/write")
    def write() -> str:
        for stream in (sys.stdout, sys.stderr, request.environ["wsgi.errors"]):
            print("x" * 1000, file=stream)
        sys.stderr.buffer.write(b"bytes\n")
        app.logger.error("a line of Flask")
        logging.getLogger("unknown").error("a line that no handler takes")
        logging.getLogger("broken").error("%d", "a line that cannot be formatted")
        thread = threading.Thread(target=lambda: 1 // 0)
        thread.start()
        thread.join()
        return "written"

    @app.get("/warn")
    def warn() -> str:
        warnings.warn("a warning of Python", UserWarning, stacklevel=1)
        return "warned"

    @app.get("/fail")
    def fail() -> str:
        raise ValueError(request.args["text"])

    return app


def wrapped() -> Any:
    """Two applications, behind middlewares that hide them from the server."""
    return ProxyFix(DispatcherMiddleware(_application(), {"/other": _application()}))


def greedy() -> Flask:
    """More seats than the worker has threads."""
    return _application(max_connections=5000)


def mistaken() -> Flask:
    """An option that does not exist."""
    return _application(max_conections=5)


def foreign(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """A WSGI application without Flask."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"foreign"]


def stuck() -> Flask:
    """Two seats, and a handler that does something else."""
    app = _application(max_connections=2)
    sock: Sock = app.extensions["tests"]

    @sock.route("/sleep")
    def sleep(ws: Connection) -> None:
        Event().wait(60)

    return app


def busy() -> Flask:
    """An application whose page /compute computes once it has been requested often enough."""
    app = _application()
    crowd = Barrier(COMPUTING_THREADS)

    @app.get("/compute")
    def compute() -> str:
        crowd.wait(30)
        deadline = monotonic() + COMPUTING_SECONDS
        while monotonic() < deadline:
            sum(range(1000))
        return "done"

    return app
