"""The application factory. :func:`flask_echo.create_app` is its public name."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_echo import views
from flask_echo.config import load_settings, split_config

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
    app.config.from_mapping(flask_config)
    app.extensions["flask_echo"] = settings
    _log_connections(app)
    _trust_proxies(app, settings.trusted_proxies)

    views.sock.init_app(app, settings)
    app.register_blueprint(views.bp)
    return app


def _log_connections(app: Flask) -> None:
    """Log each connection, also under flask run, where the default level is WARNING."""
    if app.logger.level == logging.NOTSET:
        app.logger.setLevel(logging.INFO)


def _trust_proxies(app: Flask, count: int) -> None:
    """Believe what ``count`` proxies in a row say about client, scheme, host and prefix."""
    if count:
        proxied = ProxyFix(app.wsgi_app, count, count, count, x_prefix=count)
        app.wsgi_app = proxied  # type: ignore[method-assign]
