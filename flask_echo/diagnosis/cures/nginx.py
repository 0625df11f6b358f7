"""What to configure in nginx: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATTERN

_WEBSOCKETS = """\
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";"""

_HEADERS = """\
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-Host $http_host;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"""


def _location(*lines: str) -> str:
    """Return a location for all addresses of WebSockets."""
    inner = [*lines, "proxy_pass http://BACKEND;", *_WEBSOCKETS.splitlines()]
    inner += _HEADERS.splitlines()
    body = "".join(f"    {line}\n" for line in inner)
    order = "# Above other locations with ~. Remove those with = for these paths:"
    return f"{order}\nlocation ~ ^{PATTERN}$ {{\n{body}}}"


_WHOLE_PATH = """\
# Without a path after the address: nginx then passes the path on as it is.
proxy_pass http://BACKEND;"""

_ORIGIN = """\
# In place of each other line for Origin:
proxy_set_header Origin $http_origin;"""

CURES = {
    # https://nginx.org/en/docs/http/websocket.html
    # By default, nginx changes Host, too.
    "http-1.0": f"""\
# In the location block that has proxy_pass, in place of other lines for the same headers:
{_WEBSOCKETS}
proxy_set_header Host $http_host;""",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout
    "idle-cut": "proxy_read_timeout 1h;",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
    "compression-offer-removed": '# Remove: proxy_set_header Sec-WebSocket-Extensions "";',
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_hide_header
    "compression-answer-removed": "# Remove: proxy_hide_header Sec-WebSocket-Extensions;",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
    "origin-changed": _ORIGIN,
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
    "origin-removed": _ORIGIN,
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
    "host-changed": """\
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-Host $http_host;""",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
    "prefix-not-announced": "proxy_set_header X-Forwarded-Prefix /ws;",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass
    "prefix-not-stripped": """\
# In the location /ws/: the slash after the address takes the place of /ws/.
proxy_pass http://BACKEND/;
proxy_set_header X-Forwarded-Prefix /ws;""",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass
    "prefix-added": _WHOLE_PATH,
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass
    "path-rewritten": _WHOLE_PATH,
    # https://nginx.org/en/docs/http/ngx_http_core_module.html#location
    "path-not-routed": _location(),
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass
    "server-down": """\
# The address and port where the server listens:
proxy_pass http://BACKEND;""",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout
    "server-slow": """\
# A server that answers, and more time for its answer:
proxy_pass http://BACKEND;
proxy_read_timeout 1h;""",
    # https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html#auth_basic
    "proxy-401": _location("auth_basic off;"),
    # https://nginx.org/en/docs/http/ngx_http_access_module.html#allow
    "proxy-403": _location("allow all;"),
    # https://nginx.org/en/docs/http/ngx_http_core_module.html#location
    "proxy-301": _location(),
    # https://nginx.org/en/docs/http/ngx_http_limit_conn_module.html#limit_conn
    "proxy-limit": """\
# With the name of your own limit_conn_zone in place of addr:
limit_conn addr 1000;""",
    # https://nginx.org/en/docs/ngx_core_module.html#worker_shutdown_timeout
    "reload": "worker_shutdown_timeout 1h;",
}
