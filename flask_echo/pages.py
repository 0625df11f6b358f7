"""What the pages need to refer to each other and to their assets, whatever prefix a proxy strips.

A proxy may strip a prefix from the path and tell nobody. So a page refers to everything relatively.
A reference that is only a query keeps the whole path: it works where nobody knows the path.
"""

import re
from typing import Any

from flask import Response, current_app, request
from werkzeug.exceptions import NotFound

from flask_echo import __version__
from flask_echo.accept import preferred

# The assets that a query can ask for, as in ?static=css/pages.css.
PARAMETER = "static"
_BY_QUERY = frozenset({
    "css/pages.css", "css/style.css", "favicon.svg", "js/start.js", "js/fix-links.js",
    "vendor/pico/pico.min.css",
})  # fmt: skip

# Scheme and authority of a target in absolute form (RFC 9112, section 3.2.2).
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
# A page repeats the way to the root in each link. Nobody has so many folders.
_DEEPEST = 100


def way_to_root(environ: dict[str, Any]) -> str:
    """Return the relative way from the path of a request to the root, such as ``../../``.

    A browser counts the slashes of the path as it was sent, also those of empty segments, and takes
    ``%2F`` for none. PATH_INFO is decoded, so the raw target is better, if the server tells it.

    :return: empty for a path directly below the root.
    """
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "")
    path = re.split(r"[?#]", _AUTHORITY.sub("", raw, count=1), maxsplit=1)[0]
    depth = path.count("/") - 1 - _mounted_at(environ).count("/")
    return "../" * min(max(depth, 0), _DEEPEST)


def _mounted_at(environ: dict[str, Any]) -> str:
    """The prefix that the server itself took off the path. One that a proxy names is not in it."""
    before = environ.get("werkzeug.proxy_fix.orig", environ)
    return str(before.get("SCRIPT_NAME") or "")


def page_values() -> dict[str, str]:
    """Return what every template needs: ``root``, ``assets``, and ``version``.

    - ``root``: the relative way to the root.
    - ``assets``: goes before the name of an asset. A proxy may have decoded an unknown path, or
      merged its slashes. Then only a query leads to the assets.
    """
    root = way_to_root(request.environ)
    unknown = isinstance(request.routing_exception, NotFound)
    assets = f"?{PARAMETER}=" if unknown else f"{root}static/"
    return {"root": root, "assets": assets, "version": __version__}


def asset_by_query() -> Response | None:
    """Return the asset that the query of the current request asks for, if it may."""
    name = request.args.get(PARAMETER)
    return current_app.send_static_file(name) if name in _BY_QUERY else None


def prefers_a_page() -> bool:
    """Return whether the client of the current request is a browser that shows a page."""
    return preferred(("application/problem+json", "application/json", "text/html")) == "text/html"
