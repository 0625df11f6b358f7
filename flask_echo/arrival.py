"""A request as it arrived, before a proxy was believed."""

from collections.abc import Mapping
from typing import Any


def as_arrived(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Undo what werkzeug's ProxyFix has changed in a WSGI environment, in a copy."""
    arrived = dict(environ)
    for key, value in environ.get("werkzeug.proxy_fix.orig", {}).items():
        if value is None:  # There was none.
            arrived.pop(key, None)
        else:
            arrived[key] = value
    return arrived
