"""What to change in a script with http-proxy-middleware, by the fault.

``proxy`` stands for the result of createProxyMiddleware, and ``server`` for that of app.listen.
The other lines belong into the options.
"""

from flask_echo.diagnosis.paths import PATHS

_AT_A_PREFIX = 'headers: { "X-Forwarded-Prefix": "/ws" },'

_TO_THE_SERVER = ", ".join(f'"{path}": "http://BACKEND"' for path in PATHS)

CURES = {
    # https://github.com/chimurai/http-proxy-middleware#external-websocket-upgrade
    # With ws: true alone, upgrades wait until another request has come.
    "upgrade-not-passed-on": 'server.on("upgrade", proxy.upgrade);',
    # https://github.com/chimurai/http-proxy-middleware#http-proxy-events
    "compression-offer-removed": (
        '// Remove from proxyReqWs: removeHeader("Sec-WebSocket-Extensions")'
    ),
    # https://github.com/chimurai/http-proxy-middleware#http-proxy-options
    "origin-changed": "// Remove: headers: { origin: ... }",
    # https://github.com/chimurai/http-proxy-middleware#http-proxy-events
    "origin-removed": '// Remove from proxyReqWs: removeHeader("Origin")',
    # https://github.com/chimurai/http-proxy-middleware#http-proxy-options
    "host-changed": "changeOrigin: false,",
    # https://github.com/chimurai/http-proxy-middleware#http-proxy-options
    "prefix-not-announced": _AT_A_PREFIX,
    # https://github.com/chimurai/http-proxy-middleware#pathrewrite-objectfunction
    # Express takes the path of app.use away from requests, but not from upgrades.
    "prefix-not-stripped": f"""\
pathRewrite: {{ "^/ws": "" }},
{_AT_A_PREFIX}""",
    # https://github.com/chimurai/http-proxy-middleware#pathrewrite-objectfunction
    "prefix-added": "pathRewrite: {}, // And no path in target.",
    # https://github.com/chimurai/http-proxy-middleware#pathrewrite-objectfunction
    "path-rewritten": "pathRewrite: {},",
    # https://github.com/chimurai/http-proxy-middleware#pathfilter-string-string-glob-glob-function
    "path-not-routed": 'pathFilter: "/",',
    # https://github.com/chimurai/http-proxy-middleware#router-objectfunction
    "server-down": f"router: {{ {_TO_THE_SERVER} }},",
}
