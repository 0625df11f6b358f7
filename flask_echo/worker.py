"""gunicorn's threaded worker, fit for connections that last.

The main thread accepts connections, counts them and enforces deadlines. A pool thread reads a
request, writes the response and ends the connection. A lock guards the data that both use.

:class:`LongConnectionWorker` is tested with gunicorn :data:`TESTED_GUNICORN`. It overrides:

================== ================================ ============================================
method             gunicorn                         here, and why
================== ================================ ============================================
check_config       warns if no connection can be    warns of a gunicorn that is not tested, too:
                   kept alive                       this class depends on its internals
init_process       sets up the process, then runs   also reduces the switch interval and the
                                                    stacks: there are thousands of threads; lets
                                                    the allocator return freed memory
load_wsgi          loads the application            also checks its number of seats; offers it
                                                    an exemption from the response deadline
run                serves; waits for connections,   also drains WebSockets, and cuts connections
                   up to the graceful time-out      before the master kills the process
accept             gives each connection a thread   waits for its first byte without a thread;
                   at once; fails without           survives a lack of descriptors; reads headers
                   descriptors                      in pieces that grow
handle             reads a request and responds,    enforces deadlines; ends the connection in
                   without a deadline               the pool thread, where it delays nobody
handle_request     responds                         replaces the header deadline by the response
                                                    deadline
handle_error       responds a second time if the    only logs it then: the client would take it for
                   rest of a body turns out bad     the response to its next request
finish_request     closes the connection on the     only counts: the connection is closed. The
                   main thread, for up to 2 s each  original counts twice if the close fails, and
                                                    lets a SystemExit of a view end the worker
handle_quit        exits after 0.1 s                drains for :data:`QUICK_SECONDS`
================== ================================ ============================================

**A trap:** gunicorn's master imports this module before it forks its workers. A reload (SIGHUP)
does not load again the modules that the master has imported. So this module imports nothing of
flask_echo at the top: only methods that run in the worker process do. The worker serves any other
WSGI application as well.
"""

import errno
import math
import os
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import gunicorn
from gunicorn import util
from gunicorn.errors import AppImportError
from gunicorn.http import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:  # Not in the master: see the docstring of this module.
    from flask_echo.request_head import HttpConnection

# requirements.txt has the same version.
TESTED_GUNICORN = "27.0.1"

# flask_echo.websocket.sock defines the same key, and calls the function that is stored under it.
EXEMPT_KEY = "flask_echo.exempt_from_deadline"

# A thread releases the GIL at every read anyway. With the default of 5 ms, each thread that waits
# for the GIL wakes 200 times a second to ask for it.
SWITCH_INTERVAL_SECONDS = 0.1

# Address space, and not memory. With less, a recursion through C code, such as sorted(key=...),
# ends in a segmentation fault before Python's limit of 1,000 calls stops it. A multiple of 2 MiB
# could be given a transparent huge page of memory for each thread.
STACK_BYTES = (4 * 1024 + 64) * 1024

# For a whole request header. For comparison: nginx's client_header_timeout is 60 s, Apache's
# RequestReadTimeout begins with 20 s.
HEADER_TIMEOUT_SECONDS = 10.0

# For a response that is not a WebSocket. The largest file of the service is under 200 KiB.
RESPONSE_TIMEOUT_SECONDS = 30.0

# The master kills its workers after graceful_timeout. A worker cuts its open connections this much
# earlier.
EXIT_SECONDS = 2.0

# SIGINT (Ctrl-C) and SIGQUIT: time for the open connections to say goodbye.
QUICK_SECONDS = 1.0

# A stopping worker keeps connections without a request for this long, because a request may be on
# its way. This is gunicorn's STOP_KEEPALIVE_LINGER.
LINGER_SECONDS = 2.0

# Without descriptors, connections stay in the kernel's queue for this long.
ACCEPT_PAUSE_SECONDS = 0.5

# One turn of the main loop waits at most this long for events; gunicorn's value. The master kills
# a worker that does not notify it for `timeout` (30 s).
_TURN_SECONDS = 1.0

# After the cut: time for threads to notice it, between two looks at the deadlines.
_SHORTEST_TURN_SECONDS = 0.02

# struct linger: on, with a time-out of zero.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

# accept() fails with these if the client has left, or another worker was quicker.
_NOBODY_THERE = {errno.EAGAIN, errno.ECONNABORTED}

# accept() fails with these if there is no descriptor or no memory left.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class LongConnectionWorker(ThreadWorker):
    """A threaded worker for many long connections; see the table in this module's docstring."""

    tested_gunicorn = TESTED_GUNICORN

    # The most bytes of a request's header; None leaves the limits to gunicorn's settings.
    max_head_bytes: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The lock guards the connections that pool threads serve, and the deadlines of those that
        # have one. WebSockets have none, so a look at the deadlines is quick.
        self._lock = threading.Lock()
        self._in_pool: set[TConn] = set()
        self._deadlines: dict[TConn, float] = {}
        # The connection that the current pool thread serves.
        self._current = threading.local()
        self._resume_accept_at = 0.0
        self._cut_at = math.inf

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Warn of settings, and of a gunicorn, that may not work. The master calls this once."""
        super().check_config(cfg, log)
        if gunicorn.__version__ != cls.tested_gunicorn:
            log.warning(
                "This is gunicorn %s, and flask_echo's worker is tested with gunicorn %s only:"
                " connections may stall, or be cut without a goodbye. Please test your application,"
                " or install gunicorn==%s.",
                gunicorn.__version__,
                cls.tested_gunicorn,
                cls.tested_gunicorn,
            )

    def init_process(self) -> None:
        """Set up the process after the fork, then run until it stops."""
        # Not at the top: see the docstring of this module.
        from flask_echo.allocator import return_freed_memory

        return_freed_memory()
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        threading.stack_size(STACK_BYTES)
        super().init_process()

    # -- The application -------------------------------------------------------------------

    def load_wsgi(self) -> None:
        """Load the application, check its seats, and offer it an exemption from the deadline.

        :raises AppImportError: if the start must stop. gunicorn prints it in one line.
        """
        # Not at the top: see the docstring of this module.
        from flask_echo.websocket.extension import share_memory, total_seats
        from flask_echo.websocket.options import OptionError

        try:
            super().load_wsgi()
            seats = total_seats()
            share_memory(self.cfg.workers)
        except OptionError as error:
            raise AppImportError(f"flask_echo: {error}") from error
        self._check_seats(seats)
        self.wsgi = self._with_exemption(self.wsgi)

    def _check_seats(self, seats: int) -> None:
        """Refuse more seats than threads or memory. One thread must be left for pages."""
        # Not at the top: see the docstring of this module.
        from flask_echo.capacity import measure

        if seats >= self.cfg.threads:
            raise AppImportError(
                f"flask_echo: the application has {seats} seats for WebSockets, and its worker only"
                f" {self.cfg.threads} threads: lower FLASK_ECHO_MAX_CONNECTIONS or max_connections"
                " in SOCK_SERVER_OPTIONS, or raise the threads (gunicorn --config"
                " python:flask_echo.gunicorn_conf has 1024 more than FLASK_ECHO_MAX_CONNECTIONS, or"
                " fewer if the process limit leaves fewer)"
            )
        fit = measure(self.cfg.workers).fit_in_memory()
        if seats > fit.seats:
            raise AppImportError(
                f"flask_echo: the application has {seats} seats for WebSockets, and {fit.reason}:"
                f" lower max_connections. It is enough for {fit.seats} seats in each worker."
            )

    def _with_exemption(self, wsgi: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an application: its environment gets a function that lifts the deadline.

        The function must be called from the thread of the request.
        """

        def application(environ: Any, start_response: Any) -> Any:
            environ[EXEMPT_KEY] = self._exempt
            return wsgi(environ, start_response)

        return application

    def _exempt(self) -> None:
        with self._lock:
            self._deadlines.pop(self._current.conn, None)

    # -- In the pool threads ---------------------------------------------------------------

    def handle(self, conn: TConn) -> Any:
        """Serve one request. If it was the last of its connection, end the connection."""
        self._current.conn, self._current.answered = conn, False
        cast("HttpConnection", conn).begin_head()
        with self._lock:
            self._in_pool.add(conn)
            self._deadlines[conn] = monotonic() + HEADER_TIMEOUT_SECONDS
        try:
            keep = super().handle(conn)
            if keep is False:
                # Reads for up to two seconds, if the peer does not close.
                util.close_graceful(conn.sock)
            return keep
        finally:
            del self._current.conn  # An idle thread would keep its buffers.
            with self._lock:
                self._in_pool.discard(conn)
                self._deadlines.pop(conn, None)

    def handle_request(self, req: Request, conn: TConn) -> Any:
        """Respond to a request whose header has arrived."""
        cast("HttpConnection", conn).end_head()
        with self._lock:
            self._deadlines[conn] = monotonic() + RESPONSE_TIMEOUT_SECONDS
        keep = super().handle_request(req, conn)
        self._current.answered = True
        return keep

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Respond to a bad request, unless it has its response: then the rest of its body was bad.

        A second response would be taken for the one to the next request.
        """
        if self._current.answered:
            self.log.debug("Bad rest of a body from %s: %s", addr, exc)
        else:
            super().handle_error(req, client, addr, exc)

    # -- On the main thread ----------------------------------------------------------------

    def run(self) -> None:
        """Serve until the worker must stop: after a signal, or without a master. Then stop."""
        self.poller.register(
            self.method_queue.fileno(),  # type: ignore[arg-type]
            selectors.EVENT_READ,
            self.method_queue.run_callbacks,
        )
        while self.alive:
            self.set_accept_enabled(self._can_accept())
            self._take_turn()
            if not self.is_parent_alive():
                self.alive = False
        self._stop()

    def _stop(self) -> None:
        """Stop in four steps. SIGINT and SIGQUIT make the time for the third one shorter."""
        grace = max(QUICK_SECONDS, self.cfg.graceful_timeout - EXIT_SECONDS)
        self._cut_at = min(self._cut_at, monotonic() + grace)
        # 1. Accept no new connection.
        self.set_accept_enabled(False)
        # 2. Ask every WebSocket to say goodbye, which it does in its own thread.
        self._drain_websockets()
        # 3. Wait until all connections have ended. Cut those that are left when the time is up.
        self._finish_connections()
        # 4. Let the pool threads end. The process exits after the last one.
        self._release()

    def _drain_websockets(self) -> None:
        # Not at the top: see the docstring of this module.
        from flask_echo.websocket.extension import drain_all

        # Half of the time is for replies that are due, the other half for the goodbye.
        drain_all((self._cut_at - monotonic()) / 2)

    def _finish_connections(self) -> None:
        self._limit_idle(min(self._cut_at, monotonic() + LINGER_SECONDS))
        killed_at = monotonic() + self.cfg.graceful_timeout
        while self.nr_conns > 0 and monotonic() < killed_at:
            self._take_turn()

    def _limit_idle(self, deadline: float) -> None:
        """Close connections without a request at ``deadline``, or earlier if they are due then."""
        for conn in (*self.pending_conns, *self.keepalived_conns):
            conn.timeout = min(conn.timeout or 0.0, deadline)

    def _release(self) -> None:
        self._exit_without_threads_that_never_end()
        self.murder_keepalived(force=True)  # type: ignore[call-arg]  # The types are of gunicorn 26.
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def _exit_without_threads_that_never_end(self) -> None:
        """Bound the wait for pool threads: Python joins them at exit, without a limit.

        A handler that never returns would keep the process. The master kills it after SIGTERM, but
        not after SIGHUP or ``max_requests``.
        """
        with self._lock:
            abandoned = len(self._in_pool)
        if not abandoned:
            return
        self.log.warning("%d handlers have not returned. They are abandoned", abandoned)
        last_resort = threading.Timer(EXIT_SECONDS, os._exit, [0])
        last_resort.daemon = True
        last_resort.start()

    def _take_turn(self) -> None:
        """Wait for events, run their callbacks, and enforce the deadlines."""
        self.notify()
        self.wait_for_and_dispatch_events(self._time_to_next_deadline())
        self._cut_late_connections()
        self.murder_pending()
        self.murder_keepalived()

    def _time_to_next_deadline(self) -> float:
        """Return how long a turn may wait: a second, or less if connections end before."""
        deadlines = [self._cut_at]
        if not self.alive:
            idle = (*self.pending_conns, *self.keepalived_conns)
            deadlines += [conn.timeout or 0.0 for conn in idle]
        return min(_TURN_SECONDS, max(_SHORTEST_TURN_SECONDS, min(deadlines) - monotonic()))

    def _cut_late_connections(self) -> None:
        now = monotonic()
        time_is_up = self._cut_at <= now
        if time_is_up:
            self._limit_idle(now)
        with self._lock:
            late = [conn for conn, deadline in self._deadlines.items() if deadline <= now]
            for conn in self._in_pool if time_is_up else late:
                _cut(conn)

    # -- Accepting and counting, on the main thread ----------------------------------------

    def _can_accept(self) -> bool:
        return self.nr_conns < self.worker_connections and monotonic() >= self._resume_accept_at

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its first byte without a thread."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            return self._cannot_accept(error)
        conn = self._connection(sock, address, listener)
        conn.timeout = monotonic() + HEADER_TIMEOUT_SECONDS
        self.nr_conns += 1
        self.pending_conns.append(conn)
        first_byte = partial(self.on_pending_socket_readable, conn)
        self.poller.register(sock, selectors.EVENT_READ, first_byte)
        return None

    def _connection(self, sock: socket.socket, address: Any, listener: socket.socket) -> TConn:
        # Not at the top: see the docstring of this module.
        from flask_echo.request_head import HttpConnection

        name = listener.getsockname()
        return HttpConnection(self.cfg, sock, address, name, self.max_head_bytes)

    def _cannot_accept(self, error: OSError) -> None:
        """Without a descriptor for the connection, leave it in the kernel's queue for a while."""
        if error.errno in _NOBODY_THERE:
            return
        if error.errno not in _EXHAUSTED:
            raise error
        self.log.warning("Cannot accept: %s", error)
        self._resume_accept_at = monotonic() + ACCEPT_PAUSE_SECONDS
        self.set_accept_enabled(False)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Count a connection down once, whoever has closed it."""
        if fs.cancelled():
            super().finish_request(conn, fs)
        elif fs.exception() is not None:  # The original would let a SystemExit end the worker.
            self.log.error("A view has ended its thread", exc_info=fs.exception())
            self.nr_conns -= 1
            conn.close()
        elif fs.result() is False:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    # -- In a signal handler: take no lock and start no thread -----------------------------

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: stop as after SIGTERM, but quickly."""
        self._cut_at = min(self._cut_at, monotonic() + QUICK_SECONDS)
        self.cfg.worker_int(self)
        self.handle_exit(sig, frame)


class ServiceWorker(LongConnectionWorker):
    """The service's worker: it takes only the headers that browsers and proxies send.

    nginx allows 32 KiB by default (large_client_header_buffers), Node.js 16 KiB
    (--max-http-header-size). gunicorn has no such setting, only one per field.
    """

    max_head_bytes = 32 * 1024


def _cut(conn: TConn) -> None:
    """Shut a connection down both ways, while a pool thread serves it.

    The thread wakes up at the end of the stream, and closes the socket. The close is a reset, which
    drops the data that the peer has not read. The method of an SSLSocket would take the TLS state
    away from that thread, so this calls the one of :class:`socket.socket`.
    """
    with suppress(OSError):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        socket.socket.shutdown(conn.sock, socket.SHUT_RDWR)
