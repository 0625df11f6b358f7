"""The application for `flask run` and `gunicorn wsgi:app`."""

from flask_echo import create_app
from flask_echo.startup import refuse
from flask_echo.websocket import OptionError

try:
    app = create_app()
except OptionError as error:
    refuse(str(error))
