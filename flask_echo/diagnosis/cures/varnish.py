"""What to configure in Varnish: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATTERN

_EXEMPTED = f"""\
# Above the lines that answer instead of the server, and below those that set headers:
sub vcl_recv {{
    if (req.url ~ "^{PATTERN}([?]|$)") {{
        if (req.http.Upgrade ~ "(?i)websocket") {{
            return (pipe);
        }}
        return (pass);
    }}
}}"""


def _received(*lines: str) -> str:
    inner = "".join(f"    {line}\n" for line in lines)
    return f"sub vcl_recv {{\n{inner}}}"


def _backend(*more: str) -> str:
    inner = "".join(f"    {line}\n" for line in ('.host = "BACKEND";', *more))
    return f"backend websockets {{\n{inner}}}"


CURES = {
    # https://varnish-cache.org/docs/7.1/reference/varnishd.html#pipe-timeout
    "idle-cut": "# Start it with: varnishd -p pipe_timeout=3600",
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "compression-offer-removed": "# Remove: unset req.http.Sec-WebSocket-Extensions;",
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "origin-changed": "# Remove: set req.http.Origin = ...;",
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "origin-removed": "# Remove: unset req.http.Origin;",
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "host-changed": "# Remove: set req.http.Host = ...;\n"
    + _received("set req.http.X-Forwarded-Host = req.http.Host;"),
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "prefix-not-announced": _received('set req.http.X-Forwarded-Prefix = "/ws";'),
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#regsub-str-regex-sub
    "prefix-not-stripped": _received(
        'set req.http.X-Forwarded-Prefix = "/ws";',
        'set req.url = regsub(req.url, "^/ws/", "/");',
    ),
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "prefix-added": '# Remove: set req.url = "/app" + req.url;',
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#variables
    "path-rewritten": "# Remove: set req.url = ...;",
    # https://varnish-cache.org/docs/7.1/users-guide/vcl-example-websockets.html
    "path-not-routed": _EXEMPTED,
    # https://varnish-cache.org/docs/7.1/reference/vcl-backend.html
    "server-down": "# The address and port where the server listens:\n" + _backend(),
    # https://varnish-cache.org/docs/7.1/reference/vcl-backend.html
    "server-slow": """\
# A server that answers, and more time for its answer:
# varnishd -p pipe_timeout=3600
"""
    + _backend(".first_byte_timeout = 1h;"),
    # https://varnish-cache.org/docs/7.1/users-guide/vcl-example-websockets.html
    "proxy-401": _EXEMPTED,
    # https://varnish-cache.org/docs/7.1/users-guide/vcl-example-websockets.html
    "proxy-403": _EXEMPTED,
    # https://varnish-cache.org/docs/7.1/users-guide/vcl-example-websockets.html
    "proxy-301": _EXEMPTED,
    # https://varnish-cache.org/docs/7.1/reference/vcl-backend.html
    "proxy-limit": _backend(".max_connections = 1000;"),
    # https://varnish-cache.org/docs/7.1/reference/varnish-cli.html
    "reload": "# Load the configuration with: varnishreload",
}
