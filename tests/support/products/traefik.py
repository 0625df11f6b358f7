"""Traefik, with its file provider, which watches the file."""

from collections.abc import Iterable
from textwrap import indent

from tests.support.products.product import Product, answers

_BOTH = "Path(`/echo`) || Path(`/inspect`)"
_ALL = "PathPrefix(`/`)"
_WS = "PathPrefix(`/ws/`)"


def _part(name: str, lines: str) -> str:
    return f"{name}:\n{indent(lines.strip(), '  ')}"


def _router(
    name: str, rule: str, service: str = "app", middleware: bool = False, more: str = ""
) -> str:
    """Return a router. Of two whose rules match, Traefik takes the one with the longer rule."""
    middlewares = "\nmiddlewares: [own]" if middleware else ""
    return _part(name, f"rule: {rule}\nservice: {service}{middlewares}\n{more}")


def _service(name: str, *servers: str, more: str = "") -> str:
    urls = "\n".join(f"- url: http://{server}" for server in servers)
    return _part(name, _part("loadBalancer", f"{more}\n{_part('servers', urls)}"))


def _http(routers: Iterable[str], middleware: str = "", services: Iterable[str] = ()) -> str:
    """Return the part ``http`` of a configuration, with the service ``app``."""
    parts = [_part("routers", "\n".join(routers))]
    if middleware:
        parts.append(_part("middlewares", _part("own", middleware)))
    parts.append(_part("services", "\n".join([_service("app", "BACKEND"), *services])))
    return _part("http", "\n".join(parts))


def _everywhere(middleware: str) -> str:
    """Return a configuration with a middleware for all paths."""
    return _http([_router("all", _ALL, middleware=True)], middleware)


def _both(middleware: str) -> str:
    """Return a configuration with a middleware for /echo and /inspect only."""
    return _http([_router("all", _ALL), _router("both", _BOTH, middleware=True)], middleware)


def _elsewhere(service: str) -> str:
    """Return a configuration with another service for /echo and /inspect."""
    return _http([_router("all", _ALL), _router("both", _BOTH, "other")], services=[service])


def _set(kind: str, name: str, value: str = "") -> str:
    """Return a middleware that sets a header. An empty value removes it."""
    return _part("headers", _part(f"custom{kind}Headers", f'{name}: "{value}"'))


# What it answers where it has no route.
_NO_ROUTE = b"404 page not found"

_EXTENSIONS = "Sec-WebSocket-Extensions"


def _has_routes(port: int) -> bool:
    """Return whether the routes are there. Traefik listens before it has them."""
    return any(
        answer and _NO_ROUTE not in answer
        for path in ("/healthz", "/ws/healthz")
        for answer in answers(port, path)
    )


TRAEFIK = Product(
    programs=("traefik",),
    words=lambda file, port: [
        f"--providers.file.filename={file}",
        f"--entrypoints.in.address=127.0.0.1:{port}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ],
    file="configuration.yml",
    configuration="LINES\n",
    correct=_http([_router("all", _ALL)]),
    faults={
        "upgrade-not-passed-on": _everywhere(_set("Request", "Upgrade")),
        "compression-offer-removed": _everywhere(_set("Request", _EXTENSIONS)),
        "origin-changed": _everywhere(_set("Request", "Origin", "http://BACKEND")),
        "origin-removed": _everywhere(_set("Request", "Origin")),
        "host-changed": _http(
            [_router("all", _ALL, "backend", middleware=True)],
            _set("Request", "X-Forwarded-Host"),
            [_service("backend", "BACKEND", more="passHostHeader: false")],
        ),
        "prefix-not-announced": _http(
            [_router("ws", _WS, middleware=True)],
            _part("replacePathRegex", "regex: ^/ws/(.*)\nreplacement: /$1"),
        ),
        "prefix-not-stripped": _http([_router("ws", _WS)]),
        "prefix-added": _both(_part("addPrefix", "prefix: /app")),
        "path-rewritten": _both(_part("replacePath", "path: /")),
        "path-not-routed": _http([_router("all", "'!Path(`/echo`) && !Path(`/inspect`)'")]),
        "server-down": _elsewhere(_service("other", "DEAD")),
        "server-slow": _elsewhere(_service("other", "SILENT", more="serversTransport: slow"))
        + "\n"
        + indent(
            _part(
                "serversTransports",
                _part("slow", _part("forwardingTimeouts", "responseHeaderTimeout: 3s")),
            ),
            "  ",
        ),
        # The password is "secret", and nobody needs it.
        "proxy-401": _both(
            _part(
                "basicAuth",
                'realm: proxy\nusers: ["somebody:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"]',
            )
        ),
        "proxy-403": _both(_part("ipAllowList", "sourceRange: [192.0.2.1]")),
        "proxy-301": _both(
            _part(
                "redirectRegex",
                "regex: .*\nreplacement: http://127.0.0.1:DEAD_PORT/elsewhere\npermanent: true",
            )
        ),
        "proxy-limit": _both(_part("inFlightReq", "amount: 1")),
        "two-servers": _http(
            [_router("all", _ALL, "two")], services=[_service("two", "BACKEND", "SECOND")]
        ),
        "http-2": _http([_router("all", _ALL, more="tls: {}")])
        + "\n"
        + _part(
            "tls",
            _part(
                "stores",
                _part(
                    "default",
                    _part("defaultCertificate", "certFile: CERTIFICATE\nkeyFile: KEY"),
                ),
            ),
        ),
    },
    # A configuration has one part "http", so each cure is a whole one.
    cured=dict.fromkeys(
        (
            "upgrade-not-passed-on",
            "compression-offer-removed",
            "origin-changed",
            "origin-removed",
            "host-changed",
            "prefix-not-announced",
            "prefix-not-stripped",
            "prefix-added",
            "path-rewritten",
            "path-not-routed",
            "server-down",
            "server-slow",
            "proxy-401",
            "proxy-403",
            "proxy-301",
            "proxy-limit",
        ),
        "CURE",
    ),
    impossible={
        "compression-answer-removed": "Traefik's middlewares leave a 101 as it is",
        "http-2-connect": "Traefik announces none; with GODEBUG=http2xconnect=1 it answers 501",
        "http-1.0": "Traefik speaks HTTP/1.1 or later to servers",
        "idle-cut": "Traefik has no time limit for a connection that was upgraded",
        "lifetime-limit": "Traefik has no time limit for a connection that was upgraded",
        "reload": "Traefik takes a changed file without a cut of open connections",
    },
    is_ready=_has_routes,
)
