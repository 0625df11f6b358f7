"""The application factory. :func:`flask_echo.create_app` is its public name."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from flask.logging import has_level_handler

from flask_echo import proxies, views
from flask_echo.config import Settings, load_settings, split_config
from flask_echo.documentation import views as documentation_views
from flask_echo.events import views as event_views
from flask_echo.line_handler import LineHandler
from flask_echo.logs import json_process
from flask_echo.metrics import views as metrics_views
from flask_echo.metrics.extension import keep_metrics
from flask_echo.traces import views as trace_views

_PACKAGE = Path(__file__).parent
# The wheel has templates/ and static/ in the package, the repository has them beside it.
_ASSETS = _PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """See :func:`flask_echo.create_app`."""
    flask_config, overrides = split_config(config or {})
    settings = load_settings(overrides)

    app = Flask(
        "flask_echo", template_folder=_ASSETS / "templates", static_folder=_ASSETS / "static"
    )
    # A redirect to the path with one slash would leave a prefix that a proxy has stripped.
    app.url_map.merge_slashes = False
    app.config.from_mapping(flask_config)
    app.extensions["flask_echo"] = settings
    _log_connections(app, settings)
    _trust_proxies(app, settings)

    views.sock.init_app(app, settings)
    app.register_blueprint(views.bp)
    app.register_blueprint(documentation_views.bp)
    if settings.inspect:
        app.register_blueprint(views.inspection_bp)
    if settings.events:
        app.register_blueprint(event_views.bp)
    if settings.metrics:
        keep_metrics(app)
        app.register_blueprint(metrics_views.bp)
    trace_views.keep_traces(app, settings)
    app.register_blueprint(trace_views.bp)
    return app


def _log_connections(app: Flask, settings: Settings) -> None:
    """Log each connection, also under flask run, where the default level is WARNING.

    The format JSON is that of the whole process. gunicorn's logger has set it already.
    """
    if settings.log_format == "json":
        json_process.install()
    logger = logging.getLogger(app.name)
    if not has_level_handler(logger):  # Otherwise Flask adds its own.
        logger.addHandler(LineHandler())
    if app.logger.level == logging.NOTSET:
        app.logger.setLevel(logging.INFO)


def _trust_proxies(app: Flask, settings: Settings) -> None:
    """Believe what the trusted proxies say in the trusted headers."""
    if settings.trusted_proxies:
        app.wsgi_app = proxies.trust(  # type: ignore[method-assign]
            app.wsgi_app, settings.trusted_proxies, settings.trusted_headers
        )
