"""Apache httpd, as Debian's 2.4 has it, with one configuration for each fault."""

import signal

from tests.support.products.product import Product

_MODULES = "/usr/lib/apache2/modules"
_ALWAYS = """
    mpm_event authn_core authn_file authz_core authz_user auth_basic alias env headers rewrite
    proxy proxy_http proxy_balancer slotmem_shm lbmethod_byrequests
"""


def _load(*names: str) -> str:
    return "".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n" for name in names)


def _pass(path: str, target: str, more: str = " upgrade=websocket") -> str:
    return f'ProxyPass "{path}" "{target}"{more}\n'


def _each(target: str, more: str = " upgrade=websocket") -> str:
    """Lines for the two addresses of WebSockets; PATH in them is their path."""
    lines = _pass("PATH", target, more)
    return "".join(lines.replace("PATH", path) for path in ("/echo", "/inspect"))


def _match(lines: str) -> str:
    return f'<LocationMatch "^/(echo|inspect)$">\n{lines}\n</LocationMatch>\n'


_HOST = "ProxyPreserveHost On\n"
_PROTO = 'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"\n'
_HEADERS = _HOST + _PROTO
_ALL = _pass("/", "http://BACKEND/")
_CORRECT = _HEADERS + _ALL
_CURE = "CURE\n"

# Nothing else is served: not even files of a folder that the program knows by itself.
_NOTHING_ELSE = 'RedirectMatch 404 "^/(?!ws/)"\n'
_BELOW = _HEADERS + _NOTHING_ELSE
_HTTP_1_0 = "SetEnv force-proxy-request-1.0 1\n"
_SOON = " upgrade=websocket timeout=3"
# The limit is one of a process, so there may be only one.
_ONE_PROCESS = "ServerLimit 1\nMaxRequestWorkers 25\n"
_PASSWORD = _match('AuthType Basic\nAuthName "proxy"\nAuthUserFile PLACE/users\nRequire valid-user')
_DENIED = _match("Require all denied")
_MOVED = 'RewriteRule "^/(echo|inspect)$" "http://127.0.0.1:DEAD_PORT/elsewhere" [R=301,QSD,L]\n'
_REWRITES = "RewriteEngine On\n"
_TWO = """\
<Proxy "balancer://two">
    BalancerMember "http://BACKEND" upgrade=websocket
    BalancerMember "http://SECOND" upgrade=websocket
</Proxy>
"""
_TLS = (
    _load("socache_shmcb", "ssl", "http2")
    + """\
SSLEngine On
SSLSessionCache none
SSLCertificateFile CERTIFICATE
SSLCertificateKeyFile KEY
Protocols h2 http/1.1
"""
)

APACHE = Product(
    programs=("apache2", "httpd"),
    words=lambda file, port: ["-f", str(file), "-D", "FOREGROUND"],
    configuration=f"""
ServerRoot PLACE
ServerName localhost
Listen 127.0.0.1:PORT
PidFile PLACE/pid
ErrorLog /dev/stderr
Mutex file:PLACE
DefaultRuntimeDir PLACE
{_load(*_ALWAYS.split())}
StartServers 1
MinSpareThreads 1
LINES
""",
    correct=_CORRECT,
    faults={
        "upgrade-not-passed-on": _HEADERS + _pass("/", "http://BACKEND/", ""),
        "http-1.0": _HEADERS + _HTTP_1_0 + _pass("/", "http://BACKEND/", ""),
        "idle-cut": _CORRECT + "Timeout 3\nProxyTimeout 3\n",
        "compression-offer-removed": _CORRECT + "RequestHeader unset Sec-WebSocket-Extensions\n",
        "origin-changed": _CORRECT + 'RequestHeader set Origin "http://BACKEND"\n',
        "origin-removed": _CORRECT + "RequestHeader unset Origin\n",
        "host-changed": _PROTO + "ProxyAddHeaders Off\n" + _ALL,
        "prefix-not-announced": _BELOW + _pass("/ws/", "http://BACKEND/"),
        "prefix-not-stripped": _BELOW + _pass("/ws/", "http://BACKEND/ws/"),
        "prefix-added": _HEADERS + _each("http://BACKEND/appPATH") + _ALL,
        "path-rewritten": _HEADERS + _each("http://BACKEND/") + _ALL,
        "path-not-routed": _HEADERS + _each("!", "") + _ALL,
        "server-down": _HEADERS + _each("http://DEADPATH") + _ALL,
        "server-slow": _HEADERS + _each("http://SILENTPATH", _SOON) + _ALL,
        "proxy-401": _CORRECT + _PASSWORD,
        "proxy-403": _CORRECT + _DENIED,
        "proxy-301": _CORRECT + _REWRITES + _MOVED,
        "proxy-limit": _ONE_PROCESS
        + _HEADERS
        + _each("http://BACKENDPATH", " upgrade=websocket max=1 acquire=1000")
        + _ALL,
        "reload": _CORRECT,
        "two-servers": _HEADERS + _TWO + _pass("/", "balancer://two/", ""),
        "http-2": _CORRECT + _TLS,
        "http-2-connect": _CORRECT + _TLS + "H2WebSockets On\n",
    },
    cured={
        "upgrade-not-passed-on": _PROTO + _CURE,
        "http-1.0": _PROTO + _CURE,
        "idle-cut": _CORRECT + "Timeout 3\n" + _CURE,
        "compression-offer-removed": _CORRECT + _CURE,
        "origin-changed": _CORRECT + _CURE,
        "origin-removed": _CORRECT + _CURE,
        "host-changed": _PROTO + _CURE + _ALL,
        "prefix-not-announced": _BELOW + _pass("/ws/", "http://BACKEND/") + _CURE,
        "prefix-not-stripped": _PROTO + _NOTHING_ELSE + _CURE,
        "prefix-added": _PROTO + _CURE + _ALL,
        "path-rewritten": _PROTO + _CURE + _ALL,
        "path-not-routed": _PROTO + _CURE + _ALL,
        "server-down": _PROTO + _CURE + _ALL,
        "server-slow": _PROTO + _CURE + _ALL,
        "proxy-401": _CORRECT + _PASSWORD + _CURE,
        "proxy-403": _CORRECT + _DENIED + _CURE,
        "proxy-301": _CORRECT + _REWRITES + _CURE + _MOVED,
        "proxy-limit": _ONE_PROCESS + _PROTO + _CURE + _ALL,
    },
    impossible={
        "compression-answer-removed": "Apache's mod_headers does not change the 101 of a server",
        "lifetime-limit": "Apache has no limit on the lifetime of a connection",
    },
    # As "apachectl restart" does it. "apachectl graceful" would send SIGUSR1.
    reload=lambda proxy: proxy.send(signal.SIGHUP),
)
