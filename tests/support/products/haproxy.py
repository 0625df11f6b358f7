"""HAProxy, as Debian's 2.6 has it, with one configuration for each fault."""

import re
import signal
from pathlib import Path

from tests.support.products.product import Product

_FORWARDED = """\
    option forwardfor
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
"""
_FORWARDED_HOST = "    http-request set-header X-Forwarded-Host %[req.hdr(Host)]\n"
_TUNNEL = "    timeout tunnel 1h\n"
_SERVER = "    server app BACKEND\n"
_CURE = "CURE\n"

_BOTH = "{ path /echo /inspect }"
_ELSEWHERE = "http://127.0.0.1:DEAD_PORT/elsewhere"


def _front(
    rules: str = "",
    route: str = "    default_backend websockets\n",
    *,
    bind: str = "",
    headers: str = _FORWARDED + _FORWARDED_HOST,
) -> str:
    return f"frontend in\n    bind 127.0.0.1:PORT{bind}\n{headers}{rules}{route}"


def _back(lines: str, name: str = "websockets") -> str:
    return f"backend {name}\n{lines}"


_REST = _back(_TUNNEL + _SERVER)
_CORRECT = _front() + _REST


def _ruled(rules: str) -> str:
    """Everything goes to the server, by these rules."""
    return _front(rules) + _REST


def _without_the_host(rules: str) -> str:
    """As ``_ruled``, without X-Forwarded-Host."""
    return _front(rules, headers=_FORWARDED) + _REST


def _apart(lines: str) -> str:
    """The two addresses of WebSockets have a backend with these lines; the rest is correct."""
    return _front(f"    use_backend apart if {_BOTH}\n") + _REST + _back(lines, "apart")


def _below(rules: str) -> str:
    """Only what is below /ws/ is served."""
    return _ruled(f"    http-request deny deny_status 404 unless {{ path_beg /ws/ }}\n{rules}")


def _secure(more: str = "") -> str:
    # A comment tells _words what to join.
    bind = " ssl crt PLACE/both.pem alpn h2,http/1.1  # CERTIFICATE and KEY"
    return more + _front(bind=bind) + _REST


def _words(file: Path, _port: int) -> list[str]:
    # HAProxy wants the certificate and its key in one file.
    if names := re.search(r"# (\S+) and (\S+)$", file.read_text(), re.MULTILINE):
        both = "".join(Path(name).read_text() for name in names.groups())
        (file.parent / "both.pem").write_text(both)
    return ["-W", "-db", "-f", str(file)]  # with a master process, which can reload


_STRIPPED = r"    http-request replace-path /ws(/.*) \1" + "\n"
_UNAUTHORIZED = f"    http-request auth realm proxy if {_BOTH}\n"
_FORBIDDEN = f"    http-request deny if {_BOTH}\n"
_NOT_FOUND = f"    http-request deny deny_status 404 if {_BOTH}\n"
_MOVED = f"    http-request redirect location {_ELSEWHERE} code 301 if {_BOTH}\n"

HAPROXY = Product(
    programs=("haproxy",),
    words=_words,
    configuration="""
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
LINES
""",
    correct=_CORRECT,
    faults={
        "upgrade-not-passed-on": _front()
        + _back("    http-request del-header Upgrade\n" + _TUNNEL + _SERVER),
        "idle-cut": _front() + _back("    timeout tunnel 3s\n" + _SERVER),
        "compression-offer-removed": _ruled(
            "    http-request del-header Sec-WebSocket-Extensions\n"
        ),
        "compression-answer-removed": _ruled(
            "    http-response del-header Sec-WebSocket-Extensions\n"
        ),
        "origin-changed": _ruled("    http-request set-header Origin http://BACKEND\n"),
        "origin-removed": _ruled("    http-request del-header Origin\n"),
        "host-changed": _without_the_host("    http-request set-header Host BACKEND\n"),
        "prefix-not-announced": _below(_STRIPPED),
        "prefix-not-stripped": _below(""),
        "prefix-added": _ruled(f"    http-request set-path /app%[path] if {_BOTH}\n"),
        "path-rewritten": _ruled(f"    http-request set-path / if {_BOTH}\n"),
        "path-not-routed": _ruled(_NOT_FOUND),
        "server-down": _apart("    retries 0\n    server app DEAD\n"),
        "server-slow": _apart("    timeout server 3s\n    server app SILENT\n"),
        "proxy-401": _ruled(_UNAUTHORIZED),
        "proxy-403": _ruled(_FORBIDDEN),
        "proxy-301": _ruled(_MOVED),
        "proxy-limit": _apart(_TUNNEL + "    timeout queue 1s\n    server app BACKEND maxconn 1\n"),
        "reload": "global\n    hard-stop-after 1s\n" + _CORRECT,
        "two-servers": _front()
        + _back(_TUNNEL + "    balance roundrobin\n" + _SERVER + "    server other SECOND\n"),
        "http-2": _secure("global\n    h2-workaround-bogus-websocket-clients\n"),
        "http-2-connect": _secure(),
    },
    cured={
        "upgrade-not-passed-on": _front() + _CURE,
        "idle-cut": _front() + _back(_CURE + _SERVER),
        "compression-offer-removed": _ruled(_CURE),
        "compression-answer-removed": _ruled(_CURE),
        "origin-changed": _ruled(_CURE),
        "origin-removed": _ruled(_CURE),
        "host-changed": _without_the_host(_CURE),
        "prefix-not-announced": _below(_STRIPPED + _CURE),
        "prefix-not-stripped": _below(_CURE),
        "prefix-added": _ruled(_CURE),
        "path-rewritten": _ruled(_CURE),
        "path-not-routed": _ruled(_CURE + _NOT_FOUND),
        "server-down": _apart("    retries 0\n" + _TUNNEL + _CURE),
        "server-slow": _apart(_TUNNEL + _CURE),
        "proxy-401": _ruled(_CURE + _UNAUTHORIZED),
        "proxy-403": _ruled(_CURE + _FORBIDDEN),
        "proxy-301": _ruled(_CURE + _MOVED),
        "proxy-limit": _apart(_TUNNEL + "    timeout queue 1s\n" + _CURE),
        "reload": _CURE + _CORRECT,
    },
    impossible={
        "http-1.0": "HAProxy speaks HTTP/1.1 to every server, or HTTP/2 if told to",
        "lifetime-limit": "HAProxy has no limit on the lifetime of a connection",
    },
    reload=lambda proxy: proxy.send(signal.SIGUSR2),
)
