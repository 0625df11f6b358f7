"""The application as `flask run` and `gunicorn wsgi:app` find it."""

import sys

from flask_echo import SettingsError, create_app

try:
    app = create_app()
except SettingsError as error:
    print(f"flask_echo: {error}", file=sys.stderr)
    sys.exit(2)
