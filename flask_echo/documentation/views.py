"""The routes of the documentation: a list of the documents, and each of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as Redirect

bp = Blueprint("documentation", __name__)

_TEXTS = Path(__file__).parent / "texts"


@cache
def _titles() -> dict[str, str]:
    """The title of each document by its name, in the order of the list."""
    return dict(json.loads((_TEXTS / "contents.json").read_text("utf-8")))


@cache
def _text(name: str) -> str:
    return (_TEXTS / f"{name}.html").read_text("utf-8")


@bp.get("/docs")
def without_slash() -> Redirect:
    """Go to the list. The way is relative, since a proxy may have stripped a prefix."""
    return redirect("docs/", 308)


@bp.get("/docs/")
def contents() -> Response:
    """List the documents."""
    return _respond("documents.html")


@bp.get("/docs/<name>")
def document(name: str) -> Response:
    """Show a document."""
    if name not in _titles():
        abort(404)
    return _respond("document.html", name=name, title=_titles()[name], text=_text(name))


def _respond(template: str, **values: Any) -> Response:
    response = Response(render_template(template, titles=_titles(), **values))
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
