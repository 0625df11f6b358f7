"""h2o of Debian, with mruby."""

from textwrap import indent

from tests.support.products.product import Product

_GLOBAL = "proxy.websocket: ON\nproxy.preserve-host: ON"


def _path(path: str, lines: str = "") -> str:
    """Return what happens at and below a path; by default all goes to the server."""
    inner = lines.strip() or 'proxy.reverse.url: "http://BACKEND/"'
    return f'"{path}":\n{indent(inner, "  ")}'


def _site(*paths: str, more: str = _GLOBAL) -> str:
    """Return a site with these paths, and lines for all of them."""
    inner = indent("\n".join(paths), "      ")
    return f"{more}\nhosts:\n  default:\n    paths:\n{inner}"


def _all(*lines: str) -> str:
    """Return what passes all on, and lines more."""
    return _site(_path("/"), more="\n".join([_GLOBAL, *lines]))


def _both(lines: str) -> str:
    """Return what does something else with /echo and /inspect; SELF in it is the path."""
    paths = [_path(path, lines.replace("SELF", path)) for path in ("/echo", "/inspect")]
    return _site(_path("/"), *paths)


def _ruby(code: str) -> str:
    """Return a handler that answers, or passes a request on with the status 399."""
    return f"mruby.handler: |\n{indent(code.strip(), '  ')}"


def _to(url: str) -> str:
    return f'proxy.reverse.url: "http://{url}"'


_TLS = """\
listen:
  host: 127.0.0.1
  port: PORT
  ssl:
    certificate-file: CERTIFICATE
    key-file: KEY
"""
_PLAIN = """\
listen:
  host: 127.0.0.1
  port: PORT
"""

H2O = Product(
    programs=("h2o",),
    words=lambda file, port: ["-c", str(file)],
    configuration="""
num-threads: 1
LINES
""",
    correct=_PLAIN + _all(),
    faults={
        "upgrade-not-passed-on": _PLAIN + _site(_path("/"), more="proxy.preserve-host: ON"),
        "idle-cut": _PLAIN + _all("proxy.websocket.timeout: 3000"),
        "compression-offer-removed": _PLAIN + _all("proxy.header.unset: Sec-WebSocket-Extensions"),
        "host-changed": _PLAIN + _site(_path("/"), more="proxy.websocket: ON"),
        "prefix-not-announced": _PLAIN + _site(_path("/ws/")),
        "prefix-not-stripped": _PLAIN + _site(_path("/ws/", _to("BACKEND/ws/"))),
        "prefix-added": _PLAIN + _both(_to("BACKEND/appSELF")),
        "path-rewritten": _PLAIN + _both(_to("BACKEND/")),
        "origin-changed": _PLAIN + _all('proxy.header.set: "Origin: http://BACKEND"'),
        "origin-removed": _PLAIN + _all("proxy.header.unset: Origin"),
        # A folder would answer with a redirect to the path with a slash after it.
        "path-not-routed": _PLAIN + _both(_ruby('proc {|env| [404, {}, ["not found"]] }')),
        "server-down": _PLAIN + _both(_to("DEADSELF")),
        "server-slow": _PLAIN + _both(f"{_to('SILENTSELF')}\nproxy.timeout.io: 3000"),
        "proxy-401": _PLAIN
        + _both(
            _ruby(
                """
proc {|env|
  [401, {"www-authenticate" => 'Basic realm="proxy"'}, ["Authorization Required"]]
}
"""
            )
        ),
        "proxy-403": _PLAIN + _both(_ruby('proc {|env| [403, {}, ["Forbidden"]] }')),
        "proxy-301": _PLAIN
        + _both(
            _ruby('proc {|env| [301, {"location" => "http://127.0.0.1:DEAD_PORT/elsewhere"}, []] }')
        ),
        "http-2": _TLS + _all(),
    },
    cured={
        "upgrade-not-passed-on": _PLAIN + _site(_path("/"), more="CURE"),
        "host-changed": _PLAIN + _site(_path("/"), more="proxy.websocket: ON\nCURE"),
        **dict.fromkeys(
            ("idle-cut", "compression-offer-removed", "origin-changed", "origin-removed"),
            _PLAIN + _all("CURE"),
        ),
        # A configuration has one part "hosts", so these cures are a whole one.
        **dict.fromkeys(
            (
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
            ),
            f"{_PLAIN}CURE",
        ),
    },
    impossible={
        "compression-answer-removed": "h2o's header.unset leaves a 101 as it is",
        "reload": "h2o lets the old process finish its open connections",
        "http-1.0": "h2o speaks HTTP/1.1 to servers",
        "lifetime-limit": "h2o has no limit on the lifetime of a WebSocket",
        "proxy-limit": "h2o has no limit for one path",
        "two-servers": "h2o has one server for each path before version 2.3",
        "http-2-connect": "h2o has no extended CONNECT before version 2.3",
    },
)
