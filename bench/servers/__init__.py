"""The servers that are measured, and how each is started.

A command is a template: `{python}`, `{port}`, `{frame_bytes}`, `{reply}` (a file with the frame to
answer) and `{ceiling}` (the compiled program) are filled in. All run from the repository's root
and answer WebSockets at /echo.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.servers.common import MAX_MESSAGE_BYTES

PROJECT = "flask-echo"
DEFAULTS = "flask-echo-defaults"
FAST = "flask-echo-fast"
STOCK = "stock"
FLOOR = "floor"
CEILING = "ceiling"

# --config keeps this project's gunicorn.conf.py away from the peers.
_GUNICORN_PEER = "{python} -m gunicorn --config bench/servers/gunicorn_peers.py -b 127.0.0.1:{port}"
_CANNED = "{port} {frame_bytes} {reply}"
# gunicorn takes settings from the environment, too.
_GUNICORN_ENVIRONMENT = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": ""}
_PROJECT_ENVIRONMENT = _GUNICORN_ENVIRONMENT | {
    "FLASK_ECHO_MAX_CONNECTIONS": "11000",
    "FLASK_ECHO_MAX_MESSAGE_BYTES": str(MAX_MESSAGE_BYTES),
    "FLASK_ECHO_PING_INTERVAL_SECONDS": "0",
}
_PROJECT_PACKAGES = ("flask", "flask-sock", "simple-websocket", "wsproto", "gunicorn", "websockets")
# Python starts with a module of this folder, which hides the extra "fast".
_WITHOUT_ISAL = {"PYTHONPATH": "bench/servers/without_isal"}


@dataclass(frozen=True)
class Server:
    """A server, what it is made of, and how it is started.

    `packages` are the distributions whose versions belong to a figure; `page` says whether it
    serves a page at /, to be timed while connections are held; `clients_compress`, whether its
    clients offer compression, and use it, also under the loads where those of others do not.
    """

    name: str
    summary: str
    command: str
    packages: tuple[str, ...] = ()
    page: bool = False
    clients_compress: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


SERVERS = (
    Server(
        PROJECT,
        "this project under gunicorn: one thread per connection",
        "{python} -m gunicorn wsgi:app -b 127.0.0.1:{port}",
        packages=_PROJECT_PACKAGES,
        page=True,
        environment=_PROJECT_ENVIRONMENT | _WITHOUT_ISAL,
    ),
    Server(
        DEFAULTS,
        "the same with its default settings, except for the number of seats: pings every 20 s,"
        " messages of 1 MiB at most; its clients offer compression and compress every message, as"
        " browsers do",
        "{python} -m gunicorn wsgi:app -b 127.0.0.1:{port}",
        packages=_PROJECT_PACKAGES,
        page=True,
        clients_compress=True,
        environment=_GUNICORN_ENVIRONMENT | {"FLASK_ECHO_MAX_CONNECTIONS": "11000"} | _WITHOUT_ISAL,
    ),
    Server(
        FAST,
        "this project with its extra `fast`, which only large compressed replies use",
        "{python} -m gunicorn wsgi:app -b 127.0.0.1:{port}",
        packages=(*_PROJECT_PACKAGES, "isal"),
        environment=_PROJECT_ENVIRONMENT,
    ),
    Server(
        STOCK,
        "flask-sock as documented, under gunicorn's threaded worker: two threads per connection",
        _GUNICORN_PEER + " --worker-class gthread bench.servers.stock:app",
        packages=("flask", "flask-sock", "simple-websocket", "wsproto", "gunicorn"),
        page=True,
        environment=_GUNICORN_ENVIRONMENT,
    ),
    Server(
        "websockets-sync",
        "websockets' threaded server: two threads and four open files per connection",
        "{python} -m bench.servers.websockets_sync {port}",
        packages=("websockets",),
    ),
    Server(
        "websockets-asyncio",
        "websockets' asyncio server",
        "{python} -m bench.servers.websockets_asyncio {port}",
        packages=("websockets",),
    ),
    Server(
        "aiohttp",
        "aiohttp's server (asyncio, partly compiled)",
        "{python} -m bench.servers.aiohttp_server {port}",
        packages=("aiohttp",),
    ),
    Server(
        "gunicorn-asgi",
        "gunicorn's own ASGI worker (asyncio)",
        _GUNICORN_PEER + " --worker-class asgi bench.servers.asgi:app",
        packages=("gunicorn",),
        environment=_GUNICORN_ENVIRONMENT,
    ),
    Server(
        "picows",
        "picows (asyncio, compiled): the upper end of what Python can do",
        "{python} -m bench.servers.picows_server {port}",
        packages=("picows", "aiofastnet"),
    ),
    Server(
        FLOOR,
        "no WebSocket: a thread per connection that receives and sends fixed bytes",
        "{python} -m bench.servers.floor " + _CANNED,
    ),
    Server(
        CEILING,
        "no WebSocket: a C program that sends fixed bytes, to show what the load generator can do",
        "{ceiling} " + _CANNED,
    ),
)
