"""The application for `flask run` and `gunicorn wsgi:app`."""

import sys

from flask_echo import create_app
from flask_echo.websocket import OptionError

try:
    app = create_app()
except OptionError as error:
    print(f"flask_echo: {error}", file=sys.stderr)
    sys.exit(2)
