"""What to configure in Apache httpd: complete lines to paste; BACKEND is the server's address."""

from flask_echo.diagnosis.paths import PATHS, PATTERN

# By default, Apache changes Host.
_HOST = "ProxyPreserveHost On"


def _routes(more: str = "") -> str:
    lines = [f'ProxyPass "{path}" "http://BACKEND{path}" upgrade=websocket{more}' for path in PATHS]
    order = "# Above other lines ProxyPass, because the first one that fits wins:"
    return "\n".join([_HOST, order, *lines])


_GRANTED = f"""\
# Below the lines that refuse, because the last one wins:
<LocationMatch "^{PATTERN}$">
    AuthType None
    Require all granted
</LocationMatch>"""

CURES = {
    # https://httpd.apache.org/docs/2.4/env.html#special
    "http-1.0": f"""\
# Remove: SetEnv force-proxy-request-1.0 1
{_HOST}
ProxyPass "/" "http://BACKEND/" upgrade=websocket""",
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxytimeout
    "idle-cut": """\
# One hour, in seconds:
ProxyTimeout 3600""",
    # https://httpd.apache.org/docs/2.4/mod/mod_headers.html#requestheader
    "compression-offer-removed": "# Remove: RequestHeader unset Sec-WebSocket-Extensions",
    # https://httpd.apache.org/docs/2.4/mod/mod_headers.html#requestheader
    "origin-changed": "# Remove: RequestHeader set Origin ...",
    # https://httpd.apache.org/docs/2.4/mod/mod_headers.html#requestheader
    "origin-removed": "# Remove: RequestHeader unset Origin",
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypreservehost
    "host-changed": f"{_HOST}\nProxyAddHeaders On",
    # https://httpd.apache.org/docs/2.4/mod/mod_headers.html#requestheader
    "prefix-not-announced": 'RequestHeader set X-Forwarded-Prefix "/ws"',
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "prefix-not-stripped": f"""\
{_HOST}
ProxyPass "/ws/" "http://BACKEND/" upgrade=websocket
RequestHeader set X-Forwarded-Prefix "/ws\"""",
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "prefix-added": _routes(),
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "path-rewritten": _routes(),
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "path-not-routed": _routes(),
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "server-down": _routes(),
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "server-slow": _routes(" timeout=3600"),
    # https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html#require
    "proxy-401": _GRANTED,
    # https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html#require
    "proxy-403": _GRANTED,
    # https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html#rewriterule
    "proxy-301": f"""\
# Above the rule that redirects:
RewriteRule "^{PATTERN}$" "-" [END]""",
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass
    "proxy-limit": _routes(" max=1000"),
    # https://httpd.apache.org/docs/2.4/stopping.html#graceful
    "reload": "# Load the configuration with: apachectl graceful",
}
