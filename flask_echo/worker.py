"""gunicorn's threaded worker, fit for connections that last.

Only gunicorn is imported here, because the master imports this before it forks. The one
thing the worker knows of the application is that ``app.extensions["flask_echo"].seats`` has
a method ``drain``, and it tells the application one thing, ``flask_echo.stays`` in the
environment; it serves any other WSGI application as well.

Threads: the main thread accepts, counts and keeps the time; a pool thread reads a request,
answers it and ends its connection. What both look at is guarded by a lock.
"""

import errno
import math
import selectors
import socket
import struct
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from gunicorn import util
from gunicorn.http import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

# Threads give up the interpreter at every read anyway. With the default of 5 ms, each thread
# that waits for it wakes 200 times a second to ask.
SWITCH_INTERVAL_SECONDS = 0.1

# A handler needs little stack; 10,000 threads with the default of 8 MiB would reserve 80 GiB
# of address space.
STACK_BYTES = 512 * 1024

# For a whole request header; for comparison: nginx's client_header_timeout is 60 s, Apache's
# RequestReadTimeout begins with 20 s.
HEADER_TIMEOUT_SECONDS = 10.0

# For an answer that is not a WebSocket; the largest file here is well under 100 KiB.
ANSWER_TIMEOUT_SECONDS = 30.0

# graceful_timeout is when the master kills. What is open is cut this much earlier.
EXIT_SECONDS = 2.0

# struct linger: on, and no time at all.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

# What accept() says when the visitor has gone already or another worker was quicker.
_GONE = {errno.EAGAIN, errno.ECONNABORTED}

# What accept() says when there is no descriptor or memory left, and how long it is left alone.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
ACCEPT_PAUSE_SECONDS = 0.5

# After the cut, for the threads that end.
_SHORTEST_WAIT_SECONDS = 0.02

# Ctrl-C and SIGQUIT: how long what is open gets for its goodbye.
QUICK_SECONDS = 1.0


class LongConnectionWorker(ThreadWorker):
    """A threaded worker that ends connections where they were served, and drains.

    Stopping is a contract, carried out in this order:

    1. No new connection is accepted.
    2. The application's seats are drained: every WebSocket says goodbye from its own thread.
    3. What is open :data:`EXIT_SECONDS` before ``graceful_timeout`` (after
       :data:`QUICK_SECONDS` on SIGINT and SIGQUIT) is shut down both ways.
    4. The pool threads have ended, and so does the process.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        # The connections in the hands of pool threads, and those that must be done with
        # something by some time: with their header, then with their answer.
        self._served: set[TConn] = set()
        self._due: dict[TConn, float] = {}
        self._in_hand = threading.local()
        self._cut_at = math.inf
        self._accept_at = 0.0
        self._draining = False

    def init_process(self) -> None:
        """Set up the process after the fork, then run until it is to stop."""
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        threading.stack_size(STACK_BYTES)
        super().init_process()

    # -- In the pool threads ---------------------------------------------------------------

    def handle(self, conn: TConn) -> Any:
        """Serve one request; end the connection here, not on the accept loop, if it was the
        last."""
        with self._lock:
            self._served.add(conn)
            self._due[conn] = monotonic() + HEADER_TIMEOUT_SECONDS
        try:
            keep = super().handle(conn)
            if keep is False:
                # Reads up to two seconds for a peer that does not close.
                util.close_graceful(conn.sock)
            return keep
        finally:
            with self._lock:
                self._served.discard(conn)
                self._due.pop(conn, None)

    def handle_request(self, req: Request, conn: TConn) -> Any:
        """Answer a request whose header has arrived."""
        with self._lock:
            self._due[conn] = monotonic() + ANSWER_TIMEOUT_SECONDS
        self._in_hand.conn = conn
        return super().handle_request(req, conn)

    def load_wsgi(self) -> None:
        """Load the application, and tell it in the environment how to say that a connection
        stays: call ``flask_echo.exempt_from_deadline`` from the thread of the request."""
        super().load_wsgi()
        self._application = self.wsgi

        def application(environ: Any, start_response: Any) -> Any:
            environ["flask_echo.exempt_from_deadline"] = self._exempt
            return self._application(environ, start_response)

        self.wsgi = application

    def _exempt(self) -> None:
        with self._lock:
            self._due.pop(self._in_hand.conn, None)

    # -- On the main thread ----------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its first byte without a thread."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            return self._cannot_accept(error)
        conn = TConn(self.cfg, sock, address, listener.getsockname())
        conn.timeout = monotonic() + HEADER_TIMEOUT_SECONDS
        self.nr_conns += 1
        self.pending_conns.append(conn)
        first_byte = partial(self.on_pending_socket_readable, conn)
        self.poller.register(sock, selectors.EVENT_READ, first_byte)
        return None

    def _cannot_accept(self, error: OSError) -> None:
        """Without a descriptor for it, leave a connection in the queue for a while."""
        if error.errno in _GONE:
            return
        if error.errno not in _EXHAUSTED:
            raise error
        self.log.warning("Cannot accept: %s", error)
        self._accept_at = monotonic() + ACCEPT_PAUSE_SECONDS
        self.set_accept_enabled(False)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Count a connection down once, whoever has closed it."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is False:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Keep the time, at each turn of the main loop."""
        super().murder_pending()
        now = monotonic()
        with self._lock:
            late = [conn for conn, due in self._due.items() if due <= now]
            for conn in self._served if self._cut_at <= now else late:
                _cut(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections without a request; all of them when the time for goodbyes is up."""
        force = force or self._cut_at <= monotonic()
        super().murder_keepalived(force)  # type: ignore[call-arg]  # The types are of gunicorn 26.

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait no longer than until what is open must be cut."""
        waits = (timeout, max(_SHORTEST_WAIT_SECONDS, self._cut_at - monotonic()))
        super().wait_for_and_dispatch_events(min(wait for wait in waits if wait is not None))

    # -- Stopping --------------------------------------------------------------------------

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: as SIGTERM, but quickly. No lock and no thread in a handler."""
        self._cut_at = min(self._cut_at, monotonic() + QUICK_SECONDS)
        self.cfg.worker_int(self)
        self.handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Whether the master is there; an orphan drains as after SIGTERM."""
        self.alive = super().is_parent_alive() and self.alive
        return self.alive

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Open or close the door; closed for good, it is time to drain."""
        super().set_accept_enabled(enabled and monotonic() >= self._accept_at)
        if not enabled and not self.alive and not self._draining:
            self._draining = True
            self._cut_at = min(
                self._cut_at,
                monotonic() + max(QUICK_SECONDS, self.cfg.graceful_timeout - EXIT_SECONDS),
            )
            for conn in self.pending_conns:  # Nothing was asked, so nothing is owed.
                conn.timeout = 0.0
            self._drain()

    def _drain(self) -> None:
        # Not at the top: see the docstring of this module.
        from flask_echo.websocket.extension import drain_all

        # Half of the time is for what is owed, the other half for the goodbye.
        drain_all((self._cut_at - monotonic()) / 2)


def _cut(conn: TConn) -> None:
    """Shut a connection down both ways, under the thread that serves it.

    That thread wakes up, finds the stream at its end, and closes the socket. The close is a
    reset, which drops what the peer has not read. Not the method of an SSLSocket, which would
    take the TLS state away from its owner.
    """
    with suppress(OSError):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        socket.socket.shutdown(conn.sock, socket.SHUT_RDWR)
