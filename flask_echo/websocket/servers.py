"""Which HTTP servers can keep a connection open: those with a thread for each."""

import logging
from collections.abc import Mapping
from typing import Any

from flask_echo.websocket.refusal import Refusal

# The key in the WSGI environment under which flask_echo.offers has a function. It exempts the
# connection of the current request from the worker's deadline for responses. It returns False if
# that would leave no thread for others.
EXEMPT_KEY = "flask_echo.exempt_from_deadline"

# The key of another function of flask_echo.offers. It notes that the socket of the current request
# is shut down, which spares the response to nobody.
HUNG_UP_KEY = "flask_echo.hung_up"

_USE = (
    "Use gunicorn with --worker-class flask_echo.worker.LongConnectionWorker, or"
    " --config python:flask_echo.gunicorn_conf; for development, flask run with threads."
)

_log = logging.getLogger(__name__)


def check_server(environ: Mapping[str, Any], what: str = "WebSocket") -> Refusal | None:
    """Refuse what would hold a connection under a server that cannot, and log the reason.

    :param what: what was asked for, in one word.
    """
    if "gunicorn.socket" in environ:
        problem = "" if EXEMPT_KEY in environ else "this gunicorn worker cannot keep connections"
    elif "werkzeug.socket" in environ:
        alone = not environ.get("wsgi.multithread")
        problem = "this server has one thread, and a connection would block it" if alone else ""
    else:
        problem = "this WSGI server does not hand out its sockets"
    if not problem:
        return None
    _log.error("No %s is possible: %s. %s", what, problem, _USE)
    return Refusal(500, f"No {what} is possible here: {problem}.", _USE, problem="server")
