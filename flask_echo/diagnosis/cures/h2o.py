"""What to configure in h2o: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATHS


def _to(path: str) -> str:
    return f"""\
      "{path}":
        proxy.reverse.url: "http://BACKEND{path}"
        proxy.websocket: ON
        proxy.preserve-host: ON"""


_ROUTED = "\n".join(["hosts:", "  default:", "    paths:", *map(_to, ("/", *PATHS))])

_PREFIXED = """\
hosts:
  default:
    paths:
      "/ws/":
        proxy.reverse.url: "http://BACKEND/"
        proxy.websocket: ON
        proxy.preserve-host: ON
        proxy.header.set: "X-Forwarded-Prefix: /ws\""""

_NO_ORIGIN = "# Remove the line proxy.header that names Origin"

CURES = {
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.websocket.timeout
    "idle-cut": "proxy.websocket.timeout: 3600000",
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.header.unset
    "compression-offer-removed": "# Remove: proxy.header.unset: Sec-WebSocket-Extensions",
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.header.set
    "origin-changed": _NO_ORIGIN,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.header.unset
    "origin-removed": _NO_ORIGIN,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.preserve-host
    "host-changed": "proxy.preserve-host: ON",
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.header.set
    "prefix-not-announced": _PREFIXED,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.reverse.url
    "prefix-not-stripped": _PREFIXED,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.reverse.url
    "prefix-added": _ROUTED,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.reverse.url
    "path-rewritten": _ROUTED,
    # https://h2o.examp1e.net/configure/base_directives.html#paths
    "path-not-routed": _ROUTED,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.reverse.url
    "server-down": _ROUTED,
    # https://h2o.examp1e.net/configure/proxy_directives.html#proxy.timeout.io
    "server-slow": f"proxy.timeout.io: 60000\n{_ROUTED}",
    # https://h2o.examp1e.net/configure/basic_auth.html
    "proxy-401": _ROUTED,
    # https://h2o.examp1e.net/configure/mruby.html
    "proxy-403": _ROUTED,
    # https://h2o.examp1e.net/configure/redirect_directives.html
    "proxy-301": _ROUTED,
}
