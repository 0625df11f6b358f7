"""HTTP header fields: their grammar (RFC 9110, section 5.6), and where WSGI keeps them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


def elements(header: str) -> list[str]:
    """Return the elements of a comma-separated list without empty ones (section 5.6.1)."""
    return [element.strip() for element in header.split(",") if element.strip()]


# The names come from this package, never from a peer.
@cache
def environ_key(name: str) -> str:
    """Return the key under which a WSGI environment has the header ``name`` (PEP 3333)."""
    return f"HTTP_{name.upper().replace('-', '_')}"


def header(environ: Mapping[str, Any], name: str) -> str:
    """Return the value of the request header ``name``, or an empty text if it is missing."""
    return str(environ.get(environ_key(name)) or "")


def printable(text: str, longest: int | None = None) -> str:
    """Escape text from a peer, so that it is one line of ASCII in a log or a response.

    :param longest: cut to this many characters; None for no limit.
    """
    return ascii(text[:longest])[1:-1]


def as_arrived(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of ``environ`` without the changes of werkzeug's ProxyFix."""
    arrived = dict(environ)
    for key, value in environ.get("werkzeug.proxy_fix.orig", {}).items():
        if value is None:  # The request did not have it.
            arrived.pop(key, None)
        else:
            arrived[key] = value
    return arrived
