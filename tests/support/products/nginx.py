"""nginx, as Debian's 1.22 has it, with one configuration for each fault."""

import signal

from tests.support.products.product import Product

_HTTP = """\
map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
access_log off;
client_body_temp_path PLACE/body;
proxy_temp_path PLACE/proxy;
fastcgi_temp_path PLACE/fastcgi;
uwsgi_temp_path PLACE/uwsgi;
scgi_temp_path PLACE/scgi;
{}
server {{
    listen 127.0.0.1:PORT{};
{}
}}
"""

_WEBSOCKETS = """\
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
"""
_VERSION = "proxy_http_version 1.1;\n"
_HOST = "proxy_set_header Host $http_host;\n"
_FORWARDED = """\
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
"""
_FORWARDED_HOST = "proxy_set_header X-Forwarded-Host $http_host;\n"
_RIGHT = _VERSION + _WEBSOCKETS + _HOST + _FORWARDED + _FORWARDED_HOST

_BOTH = r"~ ^/(echo|inspect)$"
_ALL_WEBSOCKETS = r"~ ^/(echo|inspect|events|WS\.ashx)$"


def _location(place: str, lines: str) -> str:
    return f"location {place} {{\n{lines}\n}}\n"


def _to(address: str, lines: str = _RIGHT) -> str:
    return f"proxy_pass http://{address};\n{lines}"


def _http(server: str, above: str = "", listen: str = "") -> str:
    return f"http {{\n{_HTTP.format(above, listen, server)}\n}}\n"


def _all(lines: str) -> str:
    """Everything goes to the server, with these lines."""
    return _http(_location("/", lines))


_REST = _location("/", _to("BACKEND"))


def _apart(lines: str, above: str = "") -> str:
    """The two addresses of WebSockets have these lines, and everything else is correct."""
    return _http(_location(_BOTH, lines) + _REST, above)


def _each(lines: str) -> str:
    """As ``_apart``, with locations that are no regular expressions: PATH is their path."""
    paths = ("/echo", "/inspect")
    return _http("".join(_location(f"= {at}", lines.replace("PATH", at)) for at in paths) + _REST)


def _below(lines: str) -> str:
    """Only what is below /ws/ is served."""
    return _http(_location("/ws/", lines) + _location("/", "return 404;"))


def _exempted(lines: str, above: str = "") -> str:
    """As ``_apart``, with a cure that has locations of its own."""
    return _http("CURE\n" + _location(_ALL_WEBSOCKETS, lines) + _REST, above)


_CURE = "CURE\n"
_ZONE = "limit_conn_zone $binary_remote_addr zone=addr:1m;"
_PASSWORD = 'auth_basic "proxy";\nauth_basic_user_file PLACE/users;\n'
_MOVED = "return 301 http://127.0.0.1:DEAD_PORT/elsewhere;"
_CORRECT = _all(_to("BACKEND"))

NGINX = Product(
    programs=("nginx",),
    words=lambda file, port: ["-p", str(file.parent), "-e", "stderr", "-c", str(file)],
    configuration="""
daemon off;
pid PLACE/nginx.pid;
events {}
LINES
""",
    correct=_CORRECT,
    faults={
        "upgrade-not-passed-on": _all(
            _to("BACKEND", _VERSION + _HOST + _FORWARDED + _FORWARDED_HOST)
        ),
        # The default of nginx, which changes Host, too.
        "http-1.0": _all(_to("BACKEND", "")),
        "idle-cut": _all(_to("BACKEND") + "proxy_read_timeout 3s;"),
        "compression-offer-removed": _all(
            _to("BACKEND") + 'proxy_set_header Sec-WebSocket-Extensions "";'
        ),
        "compression-answer-removed": _all(
            _to("BACKEND") + "proxy_hide_header Sec-WebSocket-Extensions;"
        ),
        "origin-changed": _all(_to("BACKEND") + "proxy_set_header Origin http://BACKEND;"),
        "origin-removed": _all(_to("BACKEND") + 'proxy_set_header Origin "";'),
        "host-changed": _all(_to("BACKEND", _VERSION + _WEBSOCKETS + _FORWARDED)),
        "prefix-not-announced": _below(_to("BACKEND/")),
        "prefix-not-stripped": _below(_to("BACKEND")),
        "prefix-added": _each(_to("BACKEND/appPATH")),
        "path-rewritten": _each(_to("BACKEND/")),
        "path-not-routed": _apart("return 404;"),
        "server-down": _apart(_to("DEAD")),
        "server-slow": _apart(_to("SILENT") + "proxy_read_timeout 3s;"),
        "proxy-401": _apart(_to("BACKEND") + _PASSWORD),
        "proxy-403": _apart(_to("BACKEND") + "deny all;"),
        "proxy-301": _apart(_MOVED),
        "proxy-limit": _apart(_to("BACKEND") + "limit_conn addr 1;", _ZONE),
        "reload": "worker_shutdown_timeout 1s;\n" + _CORRECT,
        "two-servers": _http(
            _location("/", _to("two")), "upstream two { server BACKEND; server SECOND; }"
        ),
        "http-2": _http(
            "ssl_certificate CERTIFICATE;\nssl_certificate_key KEY;\n" + _REST, listen=" ssl http2"
        ),
    },
    cured={
        "upgrade-not-passed-on": _http(_CURE),
        "http-1.0": _all(_to("BACKEND", _CURE)),
        "idle-cut": _all(_to("BACKEND") + _CURE),
        "compression-offer-removed": _all(_to("BACKEND") + _CURE),
        "compression-answer-removed": _all(_to("BACKEND") + _CURE),
        "origin-changed": _all(_to("BACKEND") + _CURE),
        "origin-removed": _all(_to("BACKEND") + _CURE),
        "host-changed": _all(_to("BACKEND", _VERSION + _WEBSOCKETS + _FORWARDED + _CURE)),
        "prefix-not-announced": _below(_to("BACKEND/") + _CURE),
        "prefix-not-stripped": _below(_RIGHT + _CURE),
        "prefix-added": _each(_RIGHT + _CURE),
        "path-rewritten": _each(_RIGHT + _CURE),
        "path-not-routed": _exempted("return 404;"),
        "server-down": _apart(_RIGHT + _CURE),
        "server-slow": _apart(_RIGHT + _CURE),
        "proxy-401": _exempted(_to("BACKEND") + _PASSWORD),
        "proxy-403": _exempted(_to("BACKEND") + "deny all;"),
        "proxy-301": _exempted(_MOVED),
        "proxy-limit": _apart(_to("BACKEND") + _CURE, _ZONE),
        "reload": _CURE + _CORRECT,
    },
    impossible={
        "lifetime-limit": "nginx has no limit on the lifetime of an upgraded connection",
        "http-2-connect": "nginx has no extended CONNECT (RFC 8441) before 1.31",
    },
    reload=lambda proxy: proxy.send(signal.SIGHUP),
)
