"""The blueprint of ``/metrics``."""

from flask import Blueprint, Response, abort, current_app

from flask_echo.accept import preferred
from flask_echo.metrics.extension import publisher_of
from flask_echo.metrics.figures import NoFigures

bp = Blueprint("metrics", __name__)

# Prometheus asks for OpenMetrics, and takes both. Others get the older format.
_FORMATS = ("text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0")


@bp.get("/metrics")
def metrics() -> Response:
    """Show the figures of all workers. This takes no seat."""
    # Not the client's own Accept header: prometheus_client would repeat parts of it.
    try:
        exposition = publisher_of(current_app).exposition(preferred(_FORMATS) or _FORMATS[0])
    except NoFigures as error:
        abort(503, f"No figures: {error}")
    response = Response(exposition.body, content_type=exposition.content_type)
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response
