"""The report of ``/inspect``: the upgrade request as it arrived, and the 101."""

import os
import platform
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from flask_echo import __version__
from flask_echo.config import Settings
from flask_echo.websocket import Connection, Refusal
from flask_echo.websocket.headers import as_arrived

_ABOUT = (
    "The handshake as the application saw it. WSGI loses header order and case and merges repeats,"
    " so headers are shown sorted."
)

# The headers whose values are shown: those of browsers, of the handshake, and of proxies and clouds
# that name a machine, an address or a request. Not here, and so masked: credentials, and all that
# names the person behind a login (X-Forwarded-User and -Email, Cf-Access-*, client certificates).
_SHOWN_NAMES = """
    accept accept-charset accept-encoding accept-language cache-control connection content-length
    content-type dnt expect host keep-alive origin pragma priority sec-gpc te transfer-encoding
    upgrade upgrade-insecure-requests user-agent

    cdn-loop forwarded via front-end-https x-forwarded-for x-forwarded-host x-forwarded-port
    x-forwarded-prefix x-forwarded-proto x-forwarded-protocol x-forwarded-scheme x-forwarded-server
    x-forwarded-ssl x-original-forwarded-for x-original-host x-scheme x-url-scheme
    x-client-ip x-cluster-client-ip x-proxyuser-ip x-real-ip true-client-ip

    b3 traceparent tracestate x-b3-flags x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid
    x-cloud-trace-context x-correlation-id x-queue-start x-request-id x-request-start x-varnish

    x-amz-cf-id x-amzn-trace-id x-arr-log-id x-azure-clientip x-azure-fdid x-azure-ref
    x-azure-socketip cf-connecting-ip cf-connecting-ipv6 cf-ew-via cf-ipcountry cf-ray cf-visitor
    cf-worker fly-client-ip fly-forwarded-port fly-forwarded-proto fly-forwarded-ssl fly-region
    fly-request-id x-envoy-attempt-count x-envoy-expected-rq-timeout-ms x-envoy-external-address
    x-envoy-internal
"""
_SHOWN = frozenset(_SHOWN_NAMES.split())
# Sent by browsers, which let no script choose these names (Fetch, "forbidden request-header").
_SHOWN_PREFIXES = ("sec-ch-", "sec-fetch-", "sec-websocket-")

# A client may make the chain as long as it likes. The last ones were written nearest to us.
_HOPS = 20

_PACKAGES = ("flask", "flask-sock", "simple-websocket", "wsproto")

_LIMITS = ("max_message_bytes", "ping_interval_seconds", "compression", "max_connections")


ANOTHER_SITE = Refusal(
    403,
    "The page that asks belongs to another site. Only pages of this server may read the report.",
    "If it is a page of this server, a proxy changes Host: it must pass Host on, or write"
    " X-Forwarded-Host.",
    problem="another-site",
)


def is_of_another_site(request: Request, settings: Settings) -> bool:
    """Return whether a page asks that is neither this server's nor named in the settings.

    Clients that are no browsers send no Origin. The route has already compared the Origin with
    ``allowed_origins``; ``*`` allows conversations with all sites, and the report to none of them.

    No page can send X-Forwarded-Host or Sec-Fetch-Site with a WebSocket. So both count here even if
    no proxy is trusted: they came from a proxy, or from a client that could leave out Origin.
    """
    origin = request.headers.get("Origin")
    if origin is None or settings.allowed_origins is not None:
        return False
    # Firefox and Safari say it. Chromium does not, in an upgrade request.
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return False
    scheme, _, authority = origin.strip().lower().partition("://")
    # TLS may end at a proxy that is not trusted to say so.
    if scheme not in {"https", request.scheme}:
        return True
    return authority not in {_without_port(host, scheme) for host in _own_hosts(request)}


def _own_hosts(request: Request) -> Iterator[str]:
    """Yield the names that this request has for the server: as it arrived, and before proxies."""
    yield as_arrived(request.environ).get("HTTP_HOST", "")
    yield from request.headers.get("X-Forwarded-Host", "").split(",")[-_HOPS:]


def _without_port(host: str, scheme: str) -> str:
    """Return ``host`` as an origin has it: without the port that the scheme implies."""
    return host.strip().lower().removesuffix({"http": ":80", "https": ":443"}[scheme])


def report(request: Request, connection: Connection, settings: Settings) -> dict[str, Any]:
    """Return the report, in values that JSON has.

    :param connection: the connection that ``request`` has opened.
    """
    return {
        "about": _ABOUT,
        **arrived(request, settings),
        "response": {"head": connection.head.decode("latin-1")},
        "negotiated": {
            "subprotocol": connection.subprotocol,
            "extensions": connection.extensions,
        },
        "secure": request.is_secure,
        "tls": _tls(connection.sock),
        "server": _server(request.environ),
        "limits": limits(settings),
    }


def limits(settings: Settings) -> dict[str, Any]:
    """Return the settings that a client may want to know."""
    return {name: getattr(settings, name) for name in _LIMITS}


def arrived(request: Request, settings: Settings) -> dict[str, Any]:
    """Return the request and who sent it, in values that JSON has."""
    return {"request": _request(request), "peer": _peer(request, settings)}


def _request(request: Request) -> dict[str, Any]:
    environ = as_arrived(request.environ)
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]
    # WSGI loses the case. RFC 6455 writes WebSocket with two capitals.
    headers = {name.replace("Websocket", "WebSocket"): value for name, value in request.headers}
    headers["Host"] = environ.get("HTTP_HOST", "")
    return {
        "line": f"{environ['REQUEST_METHOD']} {target} {environ['SERVER_PROTOCOL']}",
        "headers": [[name, _shown(name, headers[name])] for name in sorted(headers)],
        "masked": [name for name in sorted(headers) if not _is_shown(name)],
    }


def _shown(name: str, value: str) -> str:
    return value if _is_shown(name) else f"(masked, {len(value)} characters)"


def _is_shown(name: str) -> bool:
    return name.lower() in _SHOWN or name.lower().startswith(_SHOWN_PREFIXES)


def _peer(request: Request, settings: Settings) -> dict[str, Any]:
    environ = as_arrived(request.environ)
    port = environ.get("REMOTE_PORT")
    return {
        "address": environ.get("REMOTE_ADDR") or None,  # A Unix socket has none.
        "port": int(port) if port else None,
        "client": request.remote_addr or None,
        "trusted_proxies": settings.trusted_proxies,
        "trusted_headers": sorted(filter(settings.trusts, settings.trusted_headers)),
        "forwarded": list(
            _forwarded(request.headers, settings.trusted_proxies if settings.trusts("for") else 0)
        ),
    }


def _forwarded(headers: Headers, trusted: int) -> Iterator[dict[str, Any]]:
    """Yield the hops that the headers name, the client first, at most the last 20.

    Each proxy appends the address that it saw, so the trusted ones wrote the last entries.
    """
    hops = headers.get("X-Forwarded-For", "").rsplit(",", _HOPS)[-_HOPS:]
    chain = [hop.strip() for hop in hops if hop.strip()]
    for place, address in enumerate(chain):
        # Trust all or none: a chain that is shorter than configured is not trusted at all.
        believed = len(chain) - trusted <= place and trusted <= len(chain)
        yield {"header": "X-Forwarded-For", "address": address, "trusted": believed}
    if "Forwarded" in headers:  # RFC 7239. ProxyFix does not read it, so it is never trusted.
        yield {"header": "Forwarded", "address": headers["Forwarded"], "trusted": False}


def _tls(sock: socket.socket) -> dict[str, Any] | None:
    """Return version and cipher, if TLS ends in this process."""
    if not isinstance(sock, ssl.SSLSocket):
        return None
    cipher = sock.cipher()
    return {"version": sock.version(), "cipher": cipher[0] if cipher else None}


def process() -> dict[str, Any]:
    """Return which process serves the request, and on which machine."""
    return {"host": socket.gethostname(), "process": os.getpid()}


def _server(environ: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **process(),
        "software": {**_software(), "server": environ.get("SERVER_SOFTWARE", "")},
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


@cache
def _software() -> dict[str, str]:
    packages = {name: version(name) for name in _PACKAGES}
    return {"flask-echo": __version__, "python": platform.python_version(), **packages}
