"""gunicorn's threaded worker, fit for connections that last.

The main thread accepts connections, counts them and enforces deadlines. A pool thread reads a
request, writes the response and ends the connection. A lock guards the data that both use; see
:mod:`flask_echo.deadlines`.

:class:`LongConnectionWorker` is tested with gunicorn :data:`TESTED_GUNICORN`. It overrides:

================== ================================ ============================================
method             gunicorn                         here, and why
================== ================================ ============================================
check_config       warns if no connection can be    warns of a gunicorn that is not tested, too:
                   kept alive                       this class depends on its internals
init_process       sets up the process, then runs   also reduces the switch interval and the
                                                    stacks: there are thousands of threads; lets
                                                    the allocator return freed memory; shakes
                                                    hands for TLS where a deadline can cut it
load_wsgi          loads the application            also checks its number of seats; offers it
                                                    functions, such as an exemption from the
                                                    response deadline; writes no response to a
                                                    WebSocket that has ended
run                serves; then waits for           looks up the settings once, freezes the
                   connections, up to the graceful  application, and serves; then stops as
                   time-out                         :mod:`flask_echo.stopping` says
notify             touches a file                   the same; :mod:`flask_echo.heartbeat` makes the
                                                    master look twice before it kills
connection         (new) a connection of gunicorn   reads headers in pieces that grow
handle             reads a request and responds,    enforces deadlines; ends the connection in
                   without a deadline               the pool thread, where it delays nobody
handle_request     responds                         replaces the header deadline by the response
                                                    deadline
handle_error       responds a second time if the    only logs it then: the client would take it for
                   rest of a body turns out bad     the response to its next request
================== ================================ ============================================

:mod:`flask_echo.stopping` has the other half of ``run``, and ``handle_exit`` and ``handle_quit``.
These are in :class:`flask_echo.arrivals.ArrivalsWorker`:

================== ================================ ============================================
method             gunicorn                         here, and why
================== ================================ ============================================
get_thread_pool    ThreadPoolExecutor               :class:`flask_echo.pool.Pool` survives a lack of
                                                    threads and memory
wait_for_and       runs the callback of each event  also if memory lacks for one of them; listeners
_dispatch_events                                    are last, so that accepting drops nobody who has
                                                    sent something
accept             gives each connection a thread   waits for its first byte without a thread;
                   at once; fails without           survives a lack of descriptors; if there is no
                   descriptors                      room, the oldest silent connection makes some
enqueue_req        fails without threads; wakes the cuts the oldest half header for its thread, or
                   main thread at the end           answers 503; wakes the main thread at the end
                                                    only if it waits for that
finish_request     closes the connection on the     only counts: the connection is closed. The
                   main thread, for up to 2 s each  original counts twice if the close fails, and
                                                    lets a SystemExit of a view end the worker
murder_pending,    close late connections, and      the same, and count each connection once,
murder_keepalived  count                            whatever fails halfway
================== ================================ ============================================

**A trap:** gunicorn's master imports this module before it forks its workers. A reload (SIGHUP)
does not load again the modules that the master has imported. So this module and its rooms import
only each other at the top: stopping, timetable, siblings, arrivals, deadlines, heartbeat and pool.
Methods that run in the worker process import the rest. The worker serves any other WSGI application
as well.
"""

import gc
import selectors
import socket
import sys
import threading
from itertools import islice
from time import monotonic, process_time, thread_time
from typing import TYPE_CHECKING, Any, cast

import gunicorn
from gunicorn import util
from gunicorn.errors import AppImportError
from gunicorn.http import Request
from gunicorn.workers.gthread import TConn

from flask_echo.heartbeat import Heartbeat
from flask_echo.pool import Job, until_there_is_memory
from flask_echo.stopping import StoppingWorker

if TYPE_CHECKING:  # Not in the master: see the docstring of this module.
    from flask_echo.request_head import HttpConnection

# requirements.txt has the same version.
TESTED_GUNICORN = "27.0.1"

# A thread releases the GIL at every read anyway. With the default of 5 ms, each thread that waits
# for the GIL wakes 200 times a second to ask for it.
SWITCH_INTERVAL_SECONDS = 0.1

# Address space, and not memory. With less, a recursion through C code, such as sorted(key=...),
# ends in a segmentation fault before Python's limit of 1,000 calls stops it. A multiple of 2 MiB
# could be given a transparent huge page of memory for each thread.
STACK_BYTES = (4 * 1024 + 64) * 1024

# How often free memory is returned to the system. It takes up to 30 ms of a pool thread.
RETURN_MEMORY_SECONDS = 5.0

# How often a worker whose turns are short notifies the master.
_NOTIFY_SECONDS = 0.1

# One turn of the main loop waits at most this long for events; gunicorn's value. The master kills
# a worker that does not notify it for `timeout` (30 s).
TURN_SECONDS = 1.0

# The same while requests wait for threads, or the worker stops: no event says when a header has
# become old, or that another worker has left.
_BUSY_TURN_SECONDS = 0.1

# After the cut: time for threads to notice it, between two looks at the deadlines.
_SHORTEST_TURN_SECONDS = 0.02


class LongConnectionWorker(StoppingWorker):
    """A threaded worker for many long connections; see the table in this module's docstring."""

    tested_gunicorn = TESTED_GUNICORN

    # The most bytes of a request's header; None leaves the limits to gunicorn's settings.
    max_head_bytes: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the current pool thread serves; see flask_echo.offers.
        self._current = threading.local()
        # The address of each listener, which does not change. A system call may release the GIL.
        self._listener_names: dict[socket.socket, Any] = {}
        self._notified_at = 0.0
        self._return_memory_at = 0.0
        # Connections that were dropped, and bytes of messages, when memory was returned last.
        self._freed = (0, 0)
        # This runs in the master, before the fork.
        self._siblings.expect(self.age)
        self.tmp.close()
        self.tmp = Heartbeat(
            self.cfg, lambda: self.pid, on_close=lambda: self._siblings.bury(self.age)
        )

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
        from flask_echo.scheduling import Scheduling

        return_freed_memory()
        self._scheduling = Scheduling(monotonic(), process_time())
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        threading.stack_size(STACK_BYTES)
        # gunicorn shakes hands after wrap_socket anyway. Within it, no deadline reaches the socket.
        self.cfg.set("do_handshake_on_connect", False)
        super().init_process()

    # -- The application -------------------------------------------------------------------

    def load_wsgi(self) -> None:
        """Load the application, check its seats, and offer it what :mod:`flask_echo.offers` has.

        :raises AppImportError: if the start must stop. gunicorn prints it in one line.
        """
        # Not at the top: see the docstring of this module.
        from flask_echo.capacity import generations
        from flask_echo.offers import Offers
        from flask_echo.websocket.extension import drain_times, share_memory, total_seats
        from flask_echo.websocket.options import OptionError

        try:
            super().load_wsgi()
            seats = total_seats()
            self.drain_times = drain_times()
            at_once = self.cfg.workers * generations(self.drain_times.spread)
            share_memory(at_once, self.cfg.is_ssl)
        except OptionError as error:
            raise AppImportError(f"flask_echo: {error}") from error
        self._check_seats(seats)
        self._check_drain()
        self.wsgi = Offers(self._current, self._deadlines, self.tpool).around(self.wsgi)

    def _check_seats(self, seats: int) -> None:
        """Refuse more seats than threads or memory. One thread must be left for pages."""
        # Not at the top: see the docstring of this module.
        from flask_echo.capacity import measure
        from flask_echo.websocket.limits import Limits

        if seats >= self.cfg.threads:
            raise AppImportError(
                f"flask_echo: the application has {seats} seats for WebSockets, and its worker only"
                f" {self.cfg.threads} threads: lower FLASK_ECHO_MAX_CONNECTIONS or max_connections"
                " in SOCK_SERVER_OPTIONS, or raise the threads (gunicorn --config"
                " python:flask_echo.gunicorn_conf has 1024 more than FLASK_ECHO_MAX_CONNECTIONS, or"
                " fewer if the process limit leaves fewer)"
            )
        # The master has lowered the default for this spread. It does not know the application's.
        spread, tls = Limits.from_environment().drain_spread_seconds, self.cfg.is_ssl
        fit = measure(self.cfg.workers, spread=spread, tls=tls).fit_in_memory()
        if seats > fit.seats:
            raise AppImportError(
                f"flask_echo: the application has {seats} seats for WebSockets, and {fit.reason}:"
                f" lower max_connections. It is enough for {fit.seats} seats in each worker."
            )

    def _check_drain(self) -> None:
        """Warn of a drain that will be shorter than the settings want."""
        if (self.drain_times.delay or self.drain_times.spread) and not self._siblings.are_told:
            self.log.warning(
                "The drain has neither delay nor spread, because gunicorn's master does not say why"
                " a worker stops: call flask_echo.gunicorn_conf.on_starting in your on_starting"
            )

    def connection(self, sock: socket.socket, address: Any, listener: socket.socket) -> TConn:
        """Make the connection of a socket that was accepted."""
        # Not at the top: see the docstring of this module.
        from flask_echo.request_head import HttpConnection

        name = self._listener_names.get(listener)
        if name is None:
            name = self._listener_names[listener] = listener.getsockname()
        return HttpConnection(self.cfg, sock, address, name, self.max_head_bytes)

    # -- In the pool threads ---------------------------------------------------------------

    def handle(self, conn: TConn) -> Any:
        """Serve one request. If it was the last of its connection, end the connection."""
        try:
            self._current.conn = conn
            self._current.cpu = thread_time()
            self._current.answered = self._current.hung_up = False
            cast("HttpConnection", conn).begin_head()
            self._deadlines.begin(conn)
            keep = super().handle(conn)
            if keep is False:
                self._close(conn)
            return keep
        finally:
            self._current.conn = None  # An idle thread would keep its buffers.
            until_there_is_memory(self._deadlines.end, conn)

    def _close(self, conn: TConn) -> None:
        if self._current.hung_up:
            conn.sock.close()  # The closing handshake has read what there was.
        else:
            # Reads for up to two seconds, if the peer does not close.
            util.close_graceful(conn.sock)

    def handle_request(self, req: Request, conn: TConn) -> Any:
        """Respond to a request whose header has arrived."""
        cast("HttpConnection", conn).end_head()
        self._deadlines.respond(conn)
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
        _look_up_once(self.cfg)
        _freeze()
        try:
            while self.alive:
                self.set_accept_enabled(self.can_accept())
                self.take_turn()
                self.heed_master()
                if not self.is_parent_alive():
                    self.alive = False
        finally:
            self.stop()

    def take_turn(self) -> None:
        """Wait for events, run their callbacks, and enforce the deadlines. Survive MemoryError."""
        try:
            self._notify_after(_NOTIFY_SECONDS)
            self.wait_for_and_dispatch_events(self._time_to_next_deadline())
            self._cut_late_connections()
            self.refuse_requests_without_thread()
            self.murder_pending()
            self.murder_keepalived()
            self._return_memory()
            self._scheduling.adapt(monotonic(), process_time())
        except MemoryError:
            self.recover_from_lack_of_memory()

    def _return_memory(self) -> None:
        """Let a pool thread return free memory to the system, some time after it became free."""
        now = monotonic()
        if now < self._return_memory_at:
            return
        self._return_memory_at = now + RETURN_MEMORY_SECONDS
        # Not at the top: see the docstring of this module.
        from flask_echo.allocator import return_free_pages
        from flask_echo.websocket.extension import freed_bytes

        freed = (self.dropped, freed_bytes())
        if freed != self._freed:
            self._freed = freed
            self.tpool.submit(Job(return_free_pages))
            self.find_threads()

    def notify(self) -> None:
        """Tell the master that the worker is alive."""
        self._notified_at = monotonic()
        super().notify()

    def notify_in_time(self) -> None:
        """Tell the master, once a second. Each time may cost this thread its turn with the GIL."""
        self._notify_after(TURN_SECONDS)

    def _notify_after(self, seconds: float) -> None:
        if monotonic() >= self._notified_at + seconds:
            self.notify()

    def _time_to_next_deadline(self) -> float:
        """Return how long a turn may wait: a second, or less if connections end before."""
        deadlines = [self._cut_at]
        if not self.alive:
            # Each of them is in the order of time.
            oldest = (*islice(self.pending_conns, 1), *islice(self.keepalived_conns, 1))
            deadlines += [conn.timeout or 0.0 for conn in oldest]
        is_busy = self.is_full() or self.tpool.shortage() or not self.alive
        limit = _BUSY_TURN_SECONDS if is_busy else TURN_SECONDS
        return min(limit, max(_SHORTEST_TURN_SECONDS, min(deadlines) - monotonic()))

    def _cut_late_connections(self) -> None:
        now = monotonic()
        if self._cut_at <= now:
            self._limit_idle(now)
            self._deadlines.cut_all()
        else:
            self._deadlines.cut_late()

    def free_threads(self, count: int) -> None:
        """Cut connections that wait for the rest of a header; see :class:`Deadlines`."""
        self._deadlines.free_threads(count)


def _look_up_once(cfg: Any) -> None:
    """Keep gunicorn's settings as plain attributes. Each request reads about thirty of them, and
    gunicorn looks each one up in two steps of Python.

    From here on, ``cfg.set`` changes nothing in this process.
    """
    vars(cfg).update((name, setting.get()) for name, setting in cfg.settings.items())


def _freeze() -> None:
    """Exempt the application from the garbage collector: it lasts as long as the process."""
    gc.collect()
    gc.freeze()


class ServiceWorker(LongConnectionWorker):
    """The service's worker: it takes only the headers that browsers and proxies send.

    nginx allows 32 KiB by default (large_client_header_buffers), Node.js 16 KiB
    (--max-http-header-size). gunicorn has no such setting, only one per field.
    """

    max_head_bytes = 32 * 1024
