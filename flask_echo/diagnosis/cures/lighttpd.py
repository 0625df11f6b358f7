"""What to configure in lighttpd: complete lines to paste; BACKEND is the address of the server."""

from flask_echo.diagnosis.paths import PATTERN

_SERVER = 'proxy.server = ( "" => (( "host" => "BACKEND_HOST", "port" => BACKEND_PORT )) )'
_UPGRADE = 'proxy.header = ( "upgrade" => "enable" )'
_NO_ORIGIN = '# Remove: setenv.set-request-header = ( "Origin" => ... )'


def _for_websockets(*lines: str) -> str:
    """Return a condition for the addresses of WebSockets, to paste after all others."""
    inner = "".join(f"    {line}\n" for line in lines)
    return f'$HTTP["url"] =~ "^{PATTERN}$" {{\n{inner}}}'


CURES = {
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "http-1.0": _UPGRADE,
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Server_max-read-idleDetails
    "idle-cut": "server.max-read-idle = 3600",
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_setenv
    "compression-offer-removed": (
        '# Remove: setenv.set-request-header = ( "Sec-WebSocket-Extensions" => "" )'
    ),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_setenv
    "compression-answer-removed": (
        '# Remove: setenv.set-response-header = ( "Sec-WebSocket-Extensions" => "" )'
    ),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_setenv
    "origin-changed": _NO_ORIGIN,
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_setenv
    "origin-removed": _NO_ORIGIN,
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_setenv
    "prefix-not-announced": 'setenv.set-request-header = ( "X-Forwarded-Prefix" => "/ws" )',
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "prefix-not-stripped": """\
proxy.header = ( "upgrade" => "enable", "map-urlpath" => ( "/ws/" => "/" ) )
setenv.set-request-header = ( "X-Forwarded-Prefix" => "/ws" )""",
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "prefix-added": _for_websockets(_UPGRADE),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "path-rewritten": _for_websockets(_UPGRADE),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "path-not-routed": _for_websockets(_SERVER, _UPGRADE),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "server-down": _for_websockets(_SERVER),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "server-slow": _for_websockets(_SERVER.replace(" )) )", ', "read-timeout" => 3600 )) )')),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_auth
    "proxy-401": _for_websockets("auth.require = ()"),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_access
    "proxy-403": _for_websockets("url.access-deny = ()"),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_redirect
    "proxy-301": _for_websockets("url.redirect = ()"),
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Server_feature-flagsDetails
    "reload": 'server.feature-flags = ( "server.graceful-shutdown-timeout" => 3600 )',
}
