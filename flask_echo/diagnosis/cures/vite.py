"""What to change in server.proxy of Vite, by the fault: options of the entry, or a whole entry."""

from flask_echo.diagnosis.paths import PATTERN

# The first entry whose path fits counts.
_TO_THE_SERVER = f"""\
"^{PATTERN}(?=[?]|$)": {{ target: "http://BACKEND", ws: true, xfwd: true }},"""

_AT_A_PREFIX = 'headers: { "X-Forwarded-Prefix": "/ws" },'

CURES = {
    # https://vite.dev/config/server-options#server-proxy
    "upgrade-not-passed-on": "ws: true,",
    # https://vite.dev/config/server-options#server-proxy
    "compression-offer-removed": (
        '// Remove from configure: removeHeader("Sec-WebSocket-Extensions")'
    ),
    # https://vite.dev/config/server-options#server-proxy
    "origin-changed": "rewriteWsOrigin: false, // And no origin in headers.",
    # https://vite.dev/config/server-options#server-proxy
    "origin-removed": '// Remove from configure: removeHeader("Origin")',
    # https://vite.dev/config/server-options#server-proxy
    # An entry that is only an address has changeOrigin: true.
    "host-changed": "changeOrigin: false,",
    # https://vite.dev/config/server-options#server-proxy
    "prefix-not-announced": _AT_A_PREFIX,
    # https://vite.dev/config/server-options#server-proxy
    "prefix-not-stripped": f"""\
rewrite: (path) => path.replace(/^\\/ws/, ""),
{_AT_A_PREFIX}""",
    # https://vite.dev/config/server-options#server-proxy
    "prefix-added": _TO_THE_SERVER,
    # https://vite.dev/config/server-options#server-proxy
    "path-rewritten": _TO_THE_SERVER,
    # https://vite.dev/config/server-options#server-proxy
    "path-not-routed": _TO_THE_SERVER,
    # https://vite.dev/config/server-options#server-proxy
    "server-down": _TO_THE_SERVER,
}
