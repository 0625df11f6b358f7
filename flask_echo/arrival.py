"""A request as it arrived, before a proxy was believed."""

from collections.abc import Mapping
from typing import Any


def as_arrived(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Undo what werkzeug's ProxyFix has changed in a WSGI environment, in a copy."""
    before = environ.get("werkzeug.proxy_fix.orig", {})
    return {**environ, **{key: value for key, value in before.items() if value is not None}}
