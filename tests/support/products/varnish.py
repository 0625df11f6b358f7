"""Varnish, as Debian's 7.1 has it, with one configuration for each fault."""

import re
import subprocess
from pathlib import Path

from tests.support.products.product import Product, Running

_FORWARDED = """\
sub vcl_recv {
    set req.http.X-Forwarded-Proto = "http";
}
"""
_FORWARDED_HOST = """\
sub vcl_recv {
    set req.http.X-Forwarded-Host = req.http.Host;
}
"""
_PIPED = """\
sub vcl_recv {
    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
}
sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}
"""
_NOT_CACHED = """\
sub vcl_recv {
    return (pass);
}
"""


def _backend(address: str, name: str = "default", more: str = "") -> str:
    place = f'.host = "{address}_HOST"; .port = "{address}_PORT"; {more}'
    return f"backend {name} {{ {place}}}\n"


_BACKEND = _backend("BACKEND")
_HEADERS = _FORWARDED + _FORWARDED_HOST
_CURE = "CURE\n"


def _ruled(lines: str) -> str:
    """Everything goes to the server, by these rules."""
    # Lines of one subroutine are put together in the order of the file.
    return _BACKEND + _HEADERS + lines + _PIPED + _NOT_CACHED


def _without_the_host(lines: str) -> str:
    """As ``_ruled``, without X-Forwarded-Host."""
    return _BACKEND + _FORWARDED + lines + _PIPED + _NOT_CACHED


def _recv(lines: str) -> str:
    return f"sub vcl_recv {{\n    {lines}\n}}\n"


def _both(lines: str) -> str:
    """A rule for the two addresses of WebSockets."""
    return _recv(rf'if (req.url ~ "^/(echo|inspect)(\?|$)") {{ {lines} }}')


def _below(lines: str) -> str:
    """Only what is below /ws/ is served."""
    return _ruled(_recv('if (req.url !~ "^/ws/") { return (synth(404)); }') + lines)


def _apart(address: str, more: str = "") -> str:
    """The two addresses of WebSockets have a backend of their own; the rest is correct."""
    return _ruled(_backend(address, "websockets", more) + _ROUTED)


def _headed(status: int, name: str, value: str) -> str:
    """Give the product's own answers with this status a header."""
    line = f"if (resp.status == {status}) {{ set resp.http.{name} = {value}; }}"
    return f"sub vcl_synth {{\n    {line}\n}}\n"


def _words(file: Path, port: int) -> list[str]:
    return [
        *("-F", "-n", str(_own(file.parent)), "-a", f"127.0.0.1:{port}"),
        *("-f", str(file), "-s", "malloc,16m", "-j", "none"),
        # Parameters cannot be in the file, so that comments in it have them.
        *(word for found in re.findall(r"-p \w+=\w+", file.read_text()) for word in found.split()),
    ]


def _own(place: Path) -> Path:
    """Where the program has its own files, and varnishadm finds it."""
    return place / "varnish"


def _restart(proxy: Running) -> None:
    # Loading another VCL would cut nothing.
    for word in ("stop", "start"):
        command = ["varnishadm", "-n", str(_own(proxy.place)), word]
        subprocess.run(command, check=True, capture_output=True)


_ROUTED = _both("set req.backend_hint = websockets;")
_STRIPPED = _recv('set req.url = regsub(req.url, "^/ws", "");')
_NOT_FOUND = _both("return (synth(404));")
_UNAUTHORIZED = _both("return (synth(401));") + _headed(
    401, "WWW-Authenticate", """{"Basic realm="proxy""}"""
)
_FORBIDDEN = _both("return (synth(403));")
_MOVED = _both("return (synth(301));") + _headed(
    301, "Location", '"http://127.0.0.1:DEAD_PORT/elsewhere"'
)
_TWO = (
    _backend("SECOND", "other")
    + """\
sub vcl_init {
    new two = directors.round_robin();
    two.add_backend(default);
    two.add_backend(other);
}
"""
    + _recv("set req.backend_hint = two.backend();")
)
_SHORT_PIPES = "# varnishd -p pipe_timeout=3\n"
_CORRECT = _ruled("")

VARNISH = Product(
    programs=("varnishd",),
    words=_words,
    configuration="""
vcl 4.1;
import directors;
LINES
""",
    correct=_CORRECT,
    faults={
        "upgrade-not-passed-on": _BACKEND + _HEADERS + _NOT_CACHED,
        "idle-cut": _SHORT_PIPES + _CORRECT,
        "compression-offer-removed": _ruled(_recv("unset req.http.Sec-WebSocket-Extensions;")),
        "origin-changed": _ruled(_recv('set req.http.Origin = "http://BACKEND";')),
        "origin-removed": _ruled(_recv("unset req.http.Origin;")),
        "host-changed": _without_the_host(_recv('set req.http.Host = "BACKEND";')),
        "prefix-not-announced": _below(_STRIPPED),
        "prefix-not-stripped": _below(""),
        "prefix-added": _ruled(_both('set req.url = "/app" + req.url;')),
        "path-rewritten": _ruled(_both('set req.url = regsub(req.url, "^/[a-z]+", "/");')),
        "path-not-routed": _ruled(_NOT_FOUND),
        # A pipe that fails is closed without an answer. Only other requests get an error.
        "server-down": _apart("DEAD"),
        "server-slow": _SHORT_PIPES + _apart("SILENT", ".first_byte_timeout = 3s; "),
        "proxy-401": _ruled(_UNAUTHORIZED),
        "proxy-403": _ruled(_FORBIDDEN),
        "proxy-301": _ruled(_MOVED),
        "proxy-limit": _apart("BACKEND", ".max_connections = 1; "),
        "reload": _CORRECT,
        "two-servers": _ruled(_TWO),
    },
    cured={
        "upgrade-not-passed-on": _BACKEND + _HEADERS + _CURE + _NOT_CACHED,
        "idle-cut": _CURE + _CORRECT,
        "compression-offer-removed": _ruled(_CURE),
        "origin-changed": _ruled(_CURE),
        "origin-removed": _ruled(_CURE),
        "host-changed": _without_the_host(_CURE),
        "prefix-not-announced": _below(_STRIPPED + _CURE),
        "prefix-not-stripped": _below(_CURE),
        "prefix-added": _ruled(_CURE),
        "path-rewritten": _ruled(_CURE),
        "path-not-routed": _ruled(_CURE + _NOT_FOUND),
        "server-down": _ruled(_CURE + _ROUTED),
        "server-slow": _ruled(_CURE + _ROUTED),
        "proxy-401": _ruled(_CURE + _UNAUTHORIZED),
        "proxy-403": _ruled(_CURE + _FORBIDDEN),
        "proxy-301": _ruled(_CURE + _MOVED),
        "proxy-limit": _ruled(_CURE + _ROUTED),
    },
    impossible={
        "http-1.0": "Varnish speaks HTTP/1.1 to every server",
        "lifetime-limit": "Varnish has no limit on the lifetime of a pipe before 7.5",
        "compression-answer-removed": "Varnish passes the answer on as it is, once it pipes",
        "http-2": "Varnish does not speak TLS",
        "http-2-connect": "Varnish does not speak TLS",
    },
    reload=_restart,
)
