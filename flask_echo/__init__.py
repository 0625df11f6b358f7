"""A WebSocket echo service in synchronous Flask: one thread, one connection."""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_echo.config import SettingsError, load_settings, split_config

__all__ = ["SettingsError", "__version__", "create_app"]

__version__ = "1.0.0"


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make an application.

    :param config: settings by their name without prefix, such as ``MAX_CONNECTIONS``, which
        win over the environment; and Flask's own keys, such as ``TESTING``.
    :raises SettingsError: on an unknown name or a value that is not allowed.
    """
    # Not at the top: gunicorn's master imports this package for its configuration, and what
    # it has imported, its workers do not load anew on a reload.
    from flask_echo import views

    flask_config, overrides = split_config(config or {})
    settings = load_settings(overrides)

    app = Flask(__name__, template_folder="../templates", static_folder="../static")
    app.config.from_mapping(flask_config)
    _log_connections(app)
    _trust_proxies(app, settings.trusted_proxies)

    views.sock.init_app(app, settings)
    app.register_blueprint(views.bp)
    return app


def _log_connections(app: Flask) -> None:
    """Show the line per connection, under flask run too, where WARNING is the default."""
    if app.logger.level == logging.NOTSET:
        app.logger.setLevel(logging.INFO)


def _trust_proxies(app: Flask, count: int) -> None:
    """Believe what ``count`` proxies in a row say about client, scheme, host and prefix."""
    if count:
        proxied = ProxyFix(app.wsgi_app, count, count, count, x_prefix=count)
        app.wsgi_app = proxied  # type: ignore[method-assign]
