"""gunicorn's settings; `gunicorn wsgi:app` reads them from the directory it is started in."""

from flask_echo.serve_conf import *  # noqa: F403
