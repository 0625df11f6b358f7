"""http-proxy-middleware in Express."""

from tests.support.products.http_proxy import (
    WATCHED,
    missing_packages,
    start_script,
    touch,
)
from tests.support.products.product import Product

_START = """
app.use(proxy);
const server = app.listen(PORT, "127.0.0.1");"""
_UPGRADES = """
server.on("upgrade", proxy.upgrade);"""


def _proxy(*more: str, target: str = "BACKEND") -> str:
    """The middleware, with more options."""
    # Each cure ends with its own comma.
    options = "\n".join(
        f"  {option}" if option == "CURE" else f"  {option},"
        for option in (f'target: "http://{target}"', *more)
    )
    return f"""
const proxy = createProxyMiddleware({{
{options}
  xfwd: true,
}});"""


def _lines(*more: str, target: str = "BACKEND") -> str:
    return _proxy(*more, target=target) + _START + _UPGRADES


def _at_websockets(replacement: str) -> str:
    return f'pathRewrite: {{ "^/(echo|inspect)(?=\\\\?|$)": "{replacement}" }}'


_BELOW = 'pathFilter: "/ws"'
_EXCEPT_WEBSOCKETS = "pathFilter: (path) => !/^\\/(echo|inspect)$/.test(path)"
_BEFORE_UPGRADES = "on: {{ proxyReqWs: (request) => {change} }}"
_INVISIBLE = "Express does not see upgrades"

HTTP_PROXY_MIDDLEWARE = Product(
    programs=("node",),
    words=start_script,
    configuration="""
const express = require("express");
const { createProxyMiddleware } = require("http-proxy-middleware");
const app = express();
LINES
""",
    correct=_lines(),
    faults={
        "upgrade-not-passed-on": _proxy() + _START,
        "compression-offer-removed": _lines(
            _BEFORE_UPGRADES.format(change='request.removeHeader("Sec-WebSocket-Extensions")')
        ),
        "origin-changed": _lines('headers: { origin: "http://BACKEND" }'),
        "origin-removed": _lines(_BEFORE_UPGRADES.format(change='request.removeHeader("Origin")')),
        "host-changed": _lines("changeOrigin: true"),
        "prefix-not-announced": _lines(_BELOW, 'pathRewrite: { "^/ws": "" }'),
        "prefix-not-stripped": _lines(_BELOW),
        "prefix-added": _lines(_at_websockets("/app/$1")),
        "path-rewritten": _lines(_at_websockets("/")),
        # Nothing answers an upgrade at a path that it does not know.
        "path-not-routed": _lines(_EXCEPT_WEBSOCKETS),
        "server-down": _lines('router: { "/echo": "http://DEAD", "/inspect": "http://DEAD" }'),
        "reload": WATCHED + _lines(),
        "two-servers": 'const servers = ["http://BACKEND", "http://SECOND"];'
        + _lines("router: () => (servers.push(servers.shift()), servers[0])"),
    },
    cured={
        "upgrade-not-passed-on": f"{_proxy()}{_START}\nCURE",
        **dict.fromkeys(
            (
                "compression-offer-removed",
                "origin-changed",
                "origin-removed",
                "host-changed",
                "prefix-added",
                "path-rewritten",
                "path-not-routed",
                "server-down",
            ),
            _lines("CURE"),
        ),
        "prefix-not-announced": _lines(_BELOW, 'pathRewrite: { "^/ws": "" }', "CURE"),
        "prefix-not-stripped": _lines(_BELOW, "CURE"),
    },
    impossible={
        "http-1.0": "Node speaks no HTTP/1.0 to a server",
        "idle-cut": "it switches the time-outs of both sockets off",
        "lifetime-limit": "it has no limit on the lifetime of a connection",
        "compression-answer-removed": "nothing can change the headers of a 101",
        "server-slow": "its proxyTimeout does not count for upgrades, which wait for ever",
        "proxy-401": _INVISIBLE,
        "proxy-403": _INVISIBLE,
        "proxy-301": _INVISIBLE,
        "proxy-limit": _INVISIBLE,
        "http-2": "Express does not speak HTTP/2",
        "http-2-connect": "Express does not speak HTTP/2",
    },
    file="proxy.cjs",
    reload=touch,
    needs=missing_packages,
)
