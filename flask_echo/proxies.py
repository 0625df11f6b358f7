"""What the application believes of the ``X-Forwarded-`` headers that trusted proxies write.

A proxy passes on each header that it does not write itself. So a client can send those, and a
setting says which ones count. Even these must have a value that cannot steer a redirect or the
address of a script away from this server.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

_NAMES = ("for", "proto", "host", "prefix")

# Traefik and oxy write ws and wss for an upgrade request (traefik/traefik,
# pkg/middlewares/forwardedheaders/forwarded_header.go). They mean the scheme of HTTP.
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# host [ ":" port ], as in RFC 9112, section 3.2, without percent-encoding. A name has at most 253
# characters (RFC 1035, section 2.3.4, without the root).
_HOST = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.I)
# Absolute, without empty or dot segments, query or fragment (RFC 3986, section 3.3).
_PREFIX = re.compile(r"(?=.{1,200}\Z)(?:/(?!\.{1,2}(?:/|\Z))[\w.~!$&'()*+;=:@%-]+)*/?", re.ASCII)


def trust(application: Application, count: int, headers: frozenset[str]) -> ProxyFix:
    """Wrap ``application``, so that it believes some headers of the last ``count`` proxies.

    :param headers: of ``for``, ``proto``, ``host`` and ``prefix`` those that are believed.
    """
    checked = _Checked(application)
    depth = {f"x_{name}": count if name in headers else 0 for name in _NAMES}
    return ProxyFix(checked, **depth)


class _Checked:
    """Undoes the changes of ProxyFix whose value is not allowed, as if the header was absent."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        scheme = _SCHEMES.get(environ["wsgi.url_scheme"].lower())
        if scheme is None:
            _restore(environ, "wsgi.url_scheme")
        else:
            environ["wsgi.url_scheme"] = scheme
        original = environ["werkzeug.proxy_fix.orig"]
        host, prefix = environ.get("HTTP_HOST"), environ.get("SCRIPT_NAME")
        if host != original["HTTP_HOST"] and not _HOST.fullmatch(host or ""):
            _restore(environ, "HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
        if prefix != original["SCRIPT_NAME"] and not _PREFIX.fullmatch(prefix or ""):
            _restore(environ, "SCRIPT_NAME")
        return self._application(environ, start_response)


def _restore(environ: Environ, *keys: str) -> None:
    for key in keys:
        value = environ["werkzeug.proxy_fix.orig"][key]
        if value is None:  # The request did not have it.
            environ.pop(key, None)
        else:
            environ[key] = value
