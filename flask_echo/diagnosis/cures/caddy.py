"""What to configure in Caddy: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATHS

_PATHS = " ".join(PATHS)

_EXCEPTED = f"""\
# The matcher of the directive that answers: all its paths without those of WebSockets.
@protected {{
    path /admin/*
    not path {_PATHS}
}}"""

_TO_THE_SERVER = f"""\
@websockets path {_PATHS}
reverse_proxy @websockets BACKEND"""

_NO_ORIGIN = "# Remove: header_up Origin"

CURES = {
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#the-http-transport
    "idle-cut": """\
transport http {
    read_timeout 1h
}""",
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#streaming
    "lifetime-limit": "stream_timeout 24h",
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers
    "compression-offer-removed": "# Remove: header_up -Sec-WebSocket-Extensions",
    # https://caddyserver.com/docs/caddyfile/directives/header
    "compression-answer-removed": "# Remove: header -Sec-WebSocket-Ext*",
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers
    "origin-changed": _NO_ORIGIN,
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers
    "origin-removed": _NO_ORIGIN,
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#defaults
    "host-changed": "header_up Host {hostport}",
    # https://caddyserver.com/docs/caddyfile/directives/handle_path
    "prefix-not-announced": """\
handle_path /ws/* {
    reverse_proxy BACKEND {
        header_up X-Forwarded-Prefix /ws
    }
}""",
    # https://caddyserver.com/docs/caddyfile/directives/handle_path
    "prefix-not-stripped": """\
handle_path /ws/* {
    reverse_proxy BACKEND {
        header_up X-Forwarded-Prefix /ws
    }
}""",
    # https://caddyserver.com/docs/caddyfile/directives/rewrite
    "prefix-added": "# Remove: rewrite",
    # https://caddyserver.com/docs/caddyfile/directives/rewrite
    "path-rewritten": "# Remove: rewrite",
    # https://caddyserver.com/docs/caddyfile/directives/handle
    "path-not-routed": f"""\
@websockets path {_PATHS}
handle @websockets {{
    reverse_proxy BACKEND
}}""",
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy
    "server-down": _TO_THE_SERVER,
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#the-http-transport
    "server-slow": f"""\
{_TO_THE_SERVER} {{
    transport http {{
        response_header_timeout 60s
    }}
}}""",
    # https://caddyserver.com/docs/caddyfile/directives/basic_auth
    "proxy-401": _EXCEPTED,
    # https://caddyserver.com/docs/caddyfile/directives/error
    "proxy-403": _EXCEPTED,
    # https://caddyserver.com/docs/caddyfile/directives/redir
    "proxy-301": _EXCEPTED,
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#passive-health-checks
    "proxy-limit": "# Remove: unhealthy_request_count",
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#streaming
    "reload": "stream_close_delay 1h",
}
