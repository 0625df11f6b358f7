"""What the worker offers to an application: functions in the environment of each request.

An application calls them in the thread of the request. The worker imports this module after its
fork.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.http.wsgi import Response

from flask_echo.deadlines import Deadlines
from flask_echo.meter import KEY as METER_KEY
from flask_echo.meter import Meter
from flask_echo.pool import Pool

# The library and the service define the same keys. They import nothing of the worker.

# Lifts the deadline of the response. It returns False, and lifts nothing, if that would leave no
# thread for others.
EXEMPT_KEY = "flask_echo.exempt_from_deadline"

# Notes that the socket is shut down. The response that the application returns then reaches nobody,
# and is not written. Access logs have its status.
HUNG_UP_KEY = "flask_echo.hung_up"

# Allows the response more seconds. For a response that is new, it returns False, and allows
# nothing, if that would leave no thread for others.
EXTEND_KEY = "flask_echo.extend_deadline"


class Offers:
    """The functions that one worker offers, and :class:`flask_echo.meter.Meter`.

    :param current: the request of each pool thread: ``conn``, its connection; ``cpu``,
        :func:`time.thread_time` at its beginning; ``hung_up``, whether its socket is shut down.
    :param deadlines: those of the worker's connections.
    :param pool: the worker's threads.
    """

    def __init__(self, current: threading.local, deadlines: Deadlines, pool: Pool) -> None:
        self._current = current
        self._deadlines = deadlines
        self._pool = pool

    def around(self, wsgi: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an application, so that its environment has the functions."""

        def application(environ: Any, start_response: Any) -> Any:
            environ[EXEMPT_KEY] = self._exempt
            environ[HUNG_UP_KEY] = self._note_hang_up
            environ[EXTEND_KEY] = self._extend
            environ[METER_KEY] = partial(self._meter, start_response)
            body = wsgi(environ, start_response)
            if self._current.hung_up:
                response: Response = start_response.__self__
                response.force_close()
                response.headers_sent = True
            return body

        return application

    def _exempt(self) -> bool:
        if not self._pool.can_keep_one():
            return False
        self._deadlines.exempt(self._current.conn)
        return True

    def _note_hang_up(self) -> None:
        self._current.hung_up = True

    def _extend(self, seconds: float, is_new: bool) -> bool:
        if is_new and not self._pool.can_keep_one():
            return False
        self._deadlines.extend(self._current.conn, seconds)
        return True

    def _meter(self, start_response: Any) -> Meter:
        received = self._current.conn.request_bytes
        return Meter(start_response.__self__, received, self._current.cpu)
