"""What to configure in squid: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATTERN

_WEBSOCKETS = rf"acl websockets urlpath_regex ^{PATTERN}(\?|$)"

_ALLOWED = f"""\
# Above each http_access that denies: the first one that matches counts.
{_WEBSOCKETS}
http_access allow websockets"""

_NOT_REWRITTEN = f"""\
{_WEBSOCKETS}
url_rewrite_access deny websockets"""

_PEER = "cache_peer BACKEND_HOST parent BACKEND_PORT 0 no-query originserver"

_PREFIX = "request_header_add X-Forwarded-Prefix /ws all"

_EXTENSIONS = "Sec-WebSocket-Extensions"

# squid takes one backslash of two away, and decodes %XX of the answer once.
_STRIP = (
    "url_rewrite_program /usr/bin/sed -u -E"
    r' "s,^(http://[^/ ]+)/ws(/[^ ]*).*,OK rewrite-url=\\1\\2,;t found;s,.*,ERR,;b;'
    ':found;s,%,%25,g"'
)

_NO_ORIGIN = "# Remove: request_header_access Origin deny all"

CURES = {
    # http://www.squid-cache.org/Doc/config/read_timeout/
    "idle-cut": "read_timeout 1 hour",
    # http://www.squid-cache.org/Doc/config/request_header_access/
    "compression-offer-removed": f"# Remove: request_header_access {_EXTENSIONS} deny all",
    # http://www.squid-cache.org/Doc/config/reply_header_access/
    "compression-answer-removed": f"# Remove: reply_header_access {_EXTENSIONS} deny all",
    # http://www.squid-cache.org/Doc/config/request_header_access/
    "origin-changed": _NO_ORIGIN,
    # http://www.squid-cache.org/Doc/config/request_header_access/
    "origin-removed": _NO_ORIGIN,
    # http://www.squid-cache.org/Doc/config/cache_peer/
    "host-changed": f"# Without forceddomain, and with vhost in http_port:\n{_PEER}",
    # http://www.squid-cache.org/Doc/config/request_header_add/
    "prefix-not-announced": _PREFIX,
    # http://www.squid-cache.org/Doc/config/url_rewrite_program/
    "prefix-not-stripped": f"{_STRIP}\n{_PREFIX}",
    # http://www.squid-cache.org/Doc/config/url_rewrite_access/
    "prefix-added": _NOT_REWRITTEN,
    # http://www.squid-cache.org/Doc/config/url_rewrite_access/
    "path-rewritten": _NOT_REWRITTEN,
    # http://www.squid-cache.org/Doc/config/http_access/
    "path-not-routed": _ALLOWED,
    # http://www.squid-cache.org/Doc/config/cache_peer/
    "server-down": _PEER,
    # http://www.squid-cache.org/Doc/config/read_timeout/
    "server-slow": f"read_timeout 1 hour\n{_PEER}",
    # http://www.squid-cache.org/Doc/config/http_access/
    "proxy-401": _ALLOWED,
    # http://www.squid-cache.org/Doc/config/http_access/
    "proxy-403": _ALLOWED,
    # http://www.squid-cache.org/Doc/config/deny_info/
    "proxy-301": _ALLOWED,
    # http://www.squid-cache.org/Doc/config/cache_peer/
    "proxy-limit": f"# Without max-conn:\n{_PEER}",
}
