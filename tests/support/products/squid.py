"""squid of Debian, as an accelerator of one server."""

import re

from tests.support.products.product import Product

_UPGRADE = "http_upgrade_request_protocols websocket allow all"
_BOTH = r"acl both urlpath_regex ^/(echo|inspect)(\?|$)"
_WS = "acl ws urlpath_regex ^/ws/"
_EXTENSIONS = "Sec-WebSocket-Extensions"


def _lines(*parts: str) -> str:
    return "\n".join(parts)


def _peer(where: str = "BACKEND", options: str = "") -> str:
    """Return a server that gets the requests."""
    words = f"{where}_HOST parent {where}_PORT 0 no-query originserver name={where.lower()}-peer"
    return f"cache_peer {words}{options}"


def _correct(*lines: str) -> str:
    """Return what passes all on, after lines more: of two http_access, the first counts."""
    return _lines(*lines, _peer(), _UPGRADE, "http_access allow all")


def _elsewhere(where: str, options: str = "", *lines: str) -> str:
    """Return what sends /echo and /inspect to another server."""
    return _lines(
        _BOTH,
        _peer(where, options),
        _correct(*lines),
        f"cache_peer_access {where.lower()}-peer allow both",
        "cache_peer_access backend-peer deny both",
    )


def _rewrite(old: str, new: str) -> str:
    """Return a helper that changes paths; the groups of ``old`` have numbers from 2 on.

    squid writes a line for each request, ``URL and more``, and reads ``OK rewrite-url=URL``.
    """
    # Two backslashes, because squid takes one away.
    target = re.sub(r"\\(?=\d)", r"\\\\", rf"\1{new}")
    script = f"s,^(http://[^/ ]+){old}( .*)?$,OK rewrite-url={target},;t;s,.*,ERR,"
    return f'url_rewrite_program /usr/bin/sed -u -E "{script}"\nurl_rewrite_children 1'


_ADDED = _rewrite("(/(echo|inspect)([?][^ ]*)?)", r"/app\2")
_REWRITTEN = _rewrite("/(echo|inspect)([?][^ ]*)?", r"/\3")
_DENIED = _lines(_BOTH, "http_access deny both")
_OTHERS = "\n".join([_WS, "http_access deny !ws"])

SQUID = Product(
    programs=("squid",),
    words=lambda file, port: ["-N", "-f", str(file)],
    configuration="""
http_port 127.0.0.1:PORT accel defaultsite=localhost vhost
cache deny all
pid_filename PLACE/pid
access_log none
cache_log PLACE/cache.log
coredump_dir PLACE
shutdown_lifetime 0 seconds
pinger_enable off
never_direct allow all
LINES
""",
    correct=_correct(),
    faults={
        "upgrade-not-passed-on": _lines(_peer(), "http_access allow all"),
        "idle-cut": _correct("read_timeout 3 seconds"),
        "compression-offer-removed": _correct(f"request_header_access {_EXTENSIONS} deny all"),
        "compression-answer-removed": _correct(f"reply_header_access {_EXTENSIONS} deny all"),
        "origin-changed": _correct(
            "request_header_access Origin deny all", "request_header_replace Origin http://BACKEND"
        ),
        "origin-removed": _correct("request_header_access Origin deny all"),
        "host-changed": _lines(
            _peer(options=" forceddomain=BACKEND_HOST"), _UPGRADE, "http_access allow all"
        ),
        "prefix-not-announced": _correct(_OTHERS, _rewrite("/ws(/[^ ]*)", r"\2")),
        "prefix-not-stripped": _correct(_OTHERS),
        "prefix-added": _correct(_ADDED),
        "path-rewritten": _correct(_REWRITTEN),
        "path-not-routed": _correct(
            _BOTH, "deny_info 404:ERR_ACCESS_DENIED both", "http_access deny both"
        ),
        "server-down": _elsewhere("DEAD"),
        "server-slow": _elsewhere("SILENT", "", "read_timeout 3 seconds"),
        "proxy-401": _correct(
            _BOTH,
            "auth_param basic program /usr/lib/squid/basic_fake_auth",
            "auth_param basic realm proxy",
            "acl known proxy_auth REQUIRED",
            "http_access deny both !known",
        ),
        "proxy-403": _correct(_BOTH, "http_access deny both"),
        "proxy-301": _correct(
            _BOTH,
            "deny_info 301:http://127.0.0.1:DEAD_PORT/elsewhere both",
            "http_access deny both",
        ),
        "proxy-limit": _lines(
            _BOTH,
            _peer(),
            "cache_peer BACKEND_HOST parent BACKEND_PORT 0 no-query originserver"
            " name=limited max-conn=1",
            "cache_peer_access limited allow both",
            "cache_peer_access backend-peer deny both",
            _UPGRADE,
            "http_access allow all",
        ),
        "two-servers": _lines(
            _peer(options=" round-robin"),
            _peer("SECOND", " round-robin"),
            _UPGRADE,
            "http_access allow all",
        ),
    },
    cured={
        "upgrade-not-passed-on": _lines(_peer(), "http_access allow all", "CURE"),
        **dict.fromkeys(
            (
                "idle-cut",
                "compression-offer-removed",
                "compression-answer-removed",
                "origin-changed",
                "origin-removed",
            ),
            _correct("CURE"),
        ),
        **dict.fromkeys(
            ("host-changed", "server-down", "server-slow", "proxy-limit"),
            _lines("CURE", _UPGRADE, "http_access allow all"),
        ),
        "prefix-not-announced": _correct(_OTHERS, _rewrite("/ws(/[^ ]*)", r"\2"), "CURE"),
        "prefix-not-stripped": _correct(_OTHERS, "CURE"),
        "prefix-added": _correct("CURE", _ADDED),
        "path-rewritten": _correct("CURE", _REWRITTEN),
        **dict.fromkeys(("proxy-401", "proxy-403"), _correct("CURE", _DENIED)),
        "path-not-routed": _correct(
            "CURE", _BOTH, "deny_info 404:ERR_ACCESS_DENIED both", "http_access deny both"
        ),
        "proxy-301": _correct(
            "CURE",
            _BOTH,
            "deny_info 301:http://127.0.0.1:DEAD_PORT/elsewhere both",
            "http_access deny both",
        ),
    },
    impossible={
        "lifetime-limit": "squid's client_lifetime cuts only a WebSocket that is idle",
        "http-1.0": "squid speaks HTTP/1.1 to servers",
        "http-2": "squid has no HTTP/2",
        "http-2-connect": "squid has no HTTP/2",
        "reload": "squid reads its configuration anew without a cut of open connections",
    },
)
