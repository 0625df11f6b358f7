"""Caddy, in the Caddyfile."""

import subprocess
from textwrap import indent

from tests.support.products.product import Product, Running

# Both addresses, with any query.
_BOTH = "@both path /echo /inspect"

# A name and its password, which nobody needs: bcrypt of "secret".
_USER = "somebody $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"


def _site(lines: str, address: str = "http://") -> str:
    """Return a site with these directives."""
    return f"{address}:PORT {{\n    bind 127.0.0.1\n{indent(lines.strip(), '    ')}\n}}"


def _proxy(lines: str = "", matcher: str = "", to: str = "BACKEND") -> str:
    """Return ``reverse_proxy`` with these subdirectives."""
    return f"reverse_proxy {matcher} {to} {{\n{indent(lines.strip(), '    ')}\n}}"


def _both(directive: str) -> str:
    """Return a site that does something else at ``@both``, and passes on all that is left."""
    return _site(f"{_BOTH}\n{directive}\nreverse_proxy BACKEND")


def _reload(proxy: Running) -> None:
    words = [proxy.words[0], "reload", "--force", *proxy.words[2:]]
    address = f"unix/{proxy.place}/admin"
    subprocess.run([*words, "--address", address], check=True, capture_output=True)


_STREAM_LIMIT = "stream_timeout 4s"
_TLS = "tls CERTIFICATE KEY"

_NOT_ROUTED = _site("""
@rest not path /echo /inspect
handle @rest {
    reverse_proxy BACKEND
}
handle {
    error 404
}
""")
_PASSED_ON = _site("CURE\nreverse_proxy BACKEND")

CADDY = Product(
    programs=("caddy",),
    words=lambda file, port: ["run", "--config", str(file), "--adapter", "caddyfile"],
    file="Caddyfile",
    configuration="""
{
    admin unix/PLACE/admin
    auto_https off
    persist_config off
    storage file_system PLACE/storage
}
LINES
""",
    correct=_site("reverse_proxy BACKEND"),
    faults={
        "upgrade-not-passed-on": _site(_proxy("header_up -Upgrade\nheader_up -Connection")),
        "idle-cut": _site(_proxy("transport http {\n    read_timeout 3s\n}")),
        "lifetime-limit": _site(_proxy(_STREAM_LIMIT)),
        "compression-offer-removed": _site(_proxy("header_up -Sec-WebSocket-Extensions")),
        "compression-answer-removed": _site(
            # The subdirective header_down leaves a 101 as it is.
            "header -Sec-WebSocket-Ext*\nreverse_proxy BACKEND"
        ),
        "origin-changed": _site(_proxy("header_up Origin http://BACKEND")),
        "origin-removed": _site(_proxy("header_up -Origin")),
        "host-changed": _site(
            _proxy("header_up Host {upstream_hostport}\nheader_up -X-Forwarded-Host")
        ),
        "prefix-not-announced": _site("handle_path /ws/* {\n    reverse_proxy BACKEND\n}"),
        "prefix-not-stripped": _site("reverse_proxy /ws/* BACKEND"),
        "prefix-added": _both("rewrite @both /app{uri}"),
        "path-rewritten": _both("rewrite @both /?{query}"),
        "path-not-routed": _NOT_ROUTED,
        "server-down": _both(_proxy("", "@both", "DEAD")),
        "server-slow": _both(
            _proxy("transport http {\n    response_header_timeout 3s\n}", "@both", "SILENT")
        ),
        "proxy-401": _both(f"basic_auth @both bcrypt proxy {{\n    {_USER}\n}}"),
        "proxy-403": _both("error @both 403"),
        "proxy-301": _both("redir @both http://127.0.0.1:DEAD_PORT/elsewhere permanent"),
        "proxy-limit": _both(_proxy("unhealthy_request_count 1", "@both")),
        "reload": _site("reverse_proxy BACKEND"),
        "two-servers": _site(_proxy("lb_policy round_robin", to="BACKEND SECOND")),
        "http-2": _site(f"{_TLS}\nreverse_proxy BACKEND", "https://"),
    },
    cured={
        **dict.fromkeys(("upgrade-not-passed-on", "server-down", "server-slow"), _PASSED_ON),
        **dict.fromkeys(("prefix-not-announced", "prefix-not-stripped"), _site("CURE")),
        **dict.fromkeys(
            (
                "idle-cut",
                "lifetime-limit",
                "compression-offer-removed",
                "origin-changed",
                "origin-removed",
                "host-changed",
                "reload",
            ),
            _site(_proxy("CURE")),
        ),
        **dict.fromkeys(
            ("compression-answer-removed", "prefix-added", "path-rewritten", "proxy-limit"),
            _PASSED_ON,
        ),
        "path-not-routed": _NOT_ROUTED.removesuffix("}") + "\nCURE\n}",
        "proxy-401": _site(
            f"CURE\nbasic_auth @protected bcrypt proxy {{\n    {_USER}\n}}\nreverse_proxy BACKEND"
        ),
        "proxy-403": _site("CURE\nerror @protected 403\nreverse_proxy BACKEND"),
        "proxy-301": _site(
            "CURE\nredir @protected http://127.0.0.1:DEAD_PORT/elsewhere permanent\n"
            "reverse_proxy BACKEND"
        ),
    },
    impossible={
        "http-2-connect": "Caddy has it only with GODEBUG=http2xconnect=1 in its environment",
        "http-1.0": "Caddy speaks HTTP/1.1 or later to servers",
    },
    reload=_reload,
)
