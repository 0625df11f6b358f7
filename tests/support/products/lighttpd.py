"""lighttpd of Debian, whose TLS needs the package lighttpd-mod-openssl."""

import signal
from textwrap import indent

from tests.support.products.product import Product

# mod_proxy passes upgrades on only with this.
_UPGRADE = '"upgrade" => "enable"'
# A condition on the path, which never has the query.
_BOTH = "^/(echo|inspect)$"


def _lines(*parts: str) -> str:
    return "\n".join(parts)


def _server(where: str = "BACKEND", options: str = "") -> str:
    """Return the server for requests; the empty word stands for all paths."""
    address = f'"host" => "{where}_HOST", "port" => {where}_PORT'
    return f'proxy.server = ( "" => (( {address}{options} )) )'


def _header(*options: str) -> str:
    return f"proxy.header = ( {', '.join(options)} )"


def _if(path: str, lines: str, operator: str = "=~") -> str:
    """Return lines that hold for some paths only."""
    return f'$HTTP["url"] {operator} "{path}" {{\n{indent(lines, "    ")}\n}}'


def _correct(*lines: str) -> str:
    """Return what passes all on, and lines more."""
    return _lines(_server(), _header(_UPGRADE), *lines)


def _both(lines: str) -> str:
    """Return what does something else with /echo and /inspect, and passes all else on."""
    return _correct(_if(_BOTH, lines))


def _set(kind: str, name: str, value: str) -> str:
    """Return what sets a header. An empty value removes it."""
    return f'setenv.set-{kind}-header = ( "{name}" => "{value}" )'


_EXTENSIONS = "Sec-WebSocket-Extensions"
_STRIP = '"map-urlpath" => ( "/ws/" => "/" )'
_TLS = """\
server.modules += ( "mod_openssl" )
ssl.engine = "enable"
ssl.pemfile = "CERTIFICATE"
ssl.privkey = "KEY"
"""

_FAULTS = {
    "upgrade-not-passed-on": _server(),
    "http-1.0": _lines(_server(), _header('"force-http10" => "enable"')),
    "idle-cut": _correct("server.max-read-idle = 3"),
    "compression-offer-removed": _correct(_set("request", _EXTENSIONS, "")),
    "compression-answer-removed": _correct(_set("response", _EXTENSIONS, "")),
    "origin-changed": _correct(_set("request", "Origin", "http://BACKEND")),
    "origin-removed": _correct(_set("request", "Origin", "")),
    "prefix-not-announced": _if("^/ws/", _lines(_server(), _header(_UPGRADE, _STRIP))),
    "prefix-not-stripped": _if("^/ws/", _correct()),
    "prefix-added": _both(_header(_UPGRADE, '"map-urlpath" => ( "/" => "/app/" )')),
    "path-rewritten": _both(
        _header(_UPGRADE, '"map-urlpath" => ( "/echo" => "/", "/inspect" => "/" )')
    ),
    "path-not-routed": _if(_BOTH, _correct(), "!~"),
    "server-down": _both(_server("DEAD")),
    "server-slow": _both(_server("SILENT", ', "read-timeout" => 3')),
    "proxy-401": _both(
        'auth.require = ( "" => (\n    "method" => "basic", "realm" => "proxy",'
        ' "require" => "valid-user"\n) )'
    ),
    "proxy-403": _both('url.access-deny = ( "" )'),
    "proxy-301": _both('url.redirect = ( "" => "http://127.0.0.1:DEAD_PORT/elsewhere" )'),
    "reload": _correct('server.feature-flags = ( "server.graceful-shutdown-timeout" => 1 )'),
    "two-servers": _lines(
        'proxy.server = ( "" => (',
        '    ( "host" => "BACKEND_HOST", "port" => BACKEND_PORT ),',
        '    ( "host" => "SECOND_HOST", "port" => SECOND_PORT ),',
        ") )",
        'proxy.balance = "round-robin"',
        _header(_UPGRADE),
    ),
    "http-2-connect": _correct(_TLS),
}
_LATER = (
    "prefix-added",
    "path-rewritten",
    "path-not-routed",
    "server-down",
    "server-slow",
    "proxy-401",
    "proxy-403",
    "proxy-301",
)

LIGHTTPD = Product(
    programs=("lighttpd",),
    words=lambda file, port: ["-D", "-f", str(file)],
    configuration="""
server.document-root = "PLACE"
server.bind = "127.0.0.1"
server.port = PORT
server.modules = (
    "mod_access", "mod_auth", "mod_authn_file", "mod_proxy", "mod_redirect", "mod_setenv"
)
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "PLACE/users"
LINES
""",
    correct=_correct(),
    faults=_FAULTS,
    cured={
        "upgrade-not-passed-on": _lines(_server(), "CURE"),
        "http-1.0": _lines(_server(), "CURE"),
        **dict.fromkeys(
            (
                "idle-cut",
                "compression-offer-removed",
                "compression-answer-removed",
                "origin-changed",
                "origin-removed",
                "reload",
            ),
            _correct("CURE"),
        ),
        "prefix-not-announced": _if("^/ws/", _lines(_server(), _header(_UPGRADE, _STRIP), "CURE")),
        "prefix-not-stripped": _if("^/ws/", _lines(_server(), "CURE")),
        # Of two conditions that hold, the later one counts.
        **{fault: f"{_FAULTS[fault]}\nCURE" for fault in _LATER},
    },
    impossible={
        "host-changed": "lighttpd always writes the first Host into X-Forwarded-Host",
        "http-2": "lighttpd has extended CONNECT since 1.4.65, and no setting against it",
        "lifetime-limit": "lighttpd has no limit on the lifetime of a connection",
        "proxy-limit": "lighttpd limits connections only for all paths together",
    },
    reload=lambda proxy: proxy.send(signal.SIGUSR1),
)
