"""What to configure in HAProxy: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATHS

_ALLOWED = f"""\
# Above the rule that answers instead of the server, and below those that set headers:
http-request allow if {{ path {" ".join(PATHS)} }}"""

CURES = {
    # https://docs.haproxy.org/2.6/configuration.html#4.2-timeout%20tunnel
    "idle-cut": "timeout tunnel 1h",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20del-header
    "compression-offer-removed": "# Remove: http-request del-header Sec-WebSocket-Extensions",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-response%20del-header
    "compression-answer-removed": "# Remove: http-response del-header Sec-WebSocket-Extensions",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20set-header
    "origin-changed": "# Remove: http-request set-header Origin ...",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20del-header
    "origin-removed": "# Remove: http-request del-header Origin",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20set-header
    "host-changed": """\
# Remove: http-request set-header Host ...
http-request set-header X-Forwarded-Host %[req.hdr(Host)]""",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20set-header
    "prefix-not-announced": "http-request set-header X-Forwarded-Prefix /ws",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20replace-path
    "prefix-not-stripped": r"""http-request set-header X-Forwarded-Prefix /ws
http-request replace-path /ws(/.*) \1""",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20set-path
    "prefix-added": "# Remove: http-request set-path /app%[path] ...",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20set-path
    "path-rewritten": "# Remove: http-request set-path / ...",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20allow
    "path-not-routed": _ALLOWED,
    # https://docs.haproxy.org/2.6/configuration.html#4.2-server
    "server-down": """\
# The address and port where the server listens:
server app BACKEND""",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-timeout%20server
    "server-slow": """\
# A server that answers, and more time for its answer:
timeout server 1h
server app BACKEND""",
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20allow
    "proxy-401": _ALLOWED,
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20allow
    "proxy-403": _ALLOWED,
    # https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20allow
    "proxy-301": _ALLOWED,
    # https://docs.haproxy.org/2.6/configuration.html#5.2-maxconn
    "proxy-limit": "server app BACKEND maxconn 1000",
    # https://docs.haproxy.org/2.6/configuration.html#3.1-hard-stop-after
    "reload": """\
global
    hard-stop-after 1h""",
}
