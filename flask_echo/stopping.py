"""How a worker stops: it serves on, drains its WebSockets, and cuts what is left.

================== ================================ ============================================
method             gunicorn                         here, and why
================== ================================ ============================================
run, its end       waits for connections, up to     :meth:`StoppingWorker.stop` also drains
                   the graceful time-out            WebSockets, serves pages meanwhile, and cuts
                                                    connections before the master kills the process
handle_exit        notes that the worker must stop  also notes that a signal said so
handle_quit        exits after 0.1 s                drains within a second
================== ================================ ============================================

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import math
import os
import signal
from time import monotonic
from typing import Any

from flask_echo.arrivals import ArrivalsWorker
from flask_echo.deadlines import Deadlines
from flask_echo.pool import until_there_is_memory
from flask_echo.siblings import siblings_of_this_master
from flask_echo.timetable import EXIT_SECONDS, QUICK_SECONDS, Cause, Timetable, timetable
from flask_echo.websocket.limits import DrainTimes

# A stopping worker keeps connections without a request for this long, because a request may be on
# its way. This is gunicorn's STOP_KEEPALIVE_LINGER.
LINGER_SECONDS = 2.0

# During a reload, connections that have been accepted get this long to be served before the drain.
# A request usually arrives within a round trip after its connection, or two with TLS 1.2.
SETTLE_SECONDS = 1.0

# A stopping worker accepts until this long before it cuts connections, so that it cuts no page.
PAGE_SECONDS = 0.5

# systemd may send SIGTERM to all processes at once. The master heeds it at once, unless the machine
# is busy.
HEAR_SECONDS = 3.0


class StoppingWorker(ArrivalsWorker):
    """The part of the worker that stops it. All of it runs on the main thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadlines = Deadlines()
        # This runs in the master, before the fork.
        self._siblings = siblings_of_this_master()
        self._stopped_by_signal = self._hurries = False
        self._linger_until = self._cut_at = math.inf
        # When the last WebSocket has been asked to say goodbye.
        self._turns_end_at = 0.0
        # Those of the application, once it is loaded.
        self.drain_times = DrainTimes(0.0, 0.0, 0.0)

    def take_turn(self) -> None:
        """Wait for events for a moment, run their callbacks, and enforce the deadlines."""
        raise NotImplementedError

    def heed_master(self) -> None:
        """Stop if the master has said so.

        Its signal is lost if it came after the fork and before this process had its own handlers.
        """
        sig = self._siblings.signal_to(self.age)
        if sig == signal.SIGTERM:
            self.handle_exit(sig, None)
        elif sig == signal.SIGQUIT:
            self.handle_quit(sig, None)

    def stop(self) -> None:
        """Stop in six steps. SIGINT and SIGQUIT make the time for the first four shorter."""
        self.alive = False
        plan = self._plan()
        self._cut_at = min(self._cut_at, plan.cut_at)
        self._turns_end_at = plan.refuse_at + plan.spread
        self._siblings.leave(self.age)
        # 1. Tell load balancers, and serve as usual until they have noticed.
        self._serve_until(plan.refuse_at)
        self._accept_while_stopping()
        # 2. In a reload: serve the requests that have been accepted.
        self._settle(monotonic() + SETTLE_SECONDS)
        # 3. Ask every WebSocket to say goodbye, which it does in its own thread.
        until_there_is_memory(self._drain, 0.0 if self._hurries else plan.spread, plan.closing)
        self._linger_until = min(self._cut_at, monotonic() + LINGER_SECONDS)
        self._limit_idle(self._linger_until)
        # 4. Serve pages until all WebSockets have ended, or time is almost up.
        while self._has_websockets(plan) and monotonic() < self._cut_at - PAGE_SECONDS:
            self._accept_while_stopping()
            self.take_turn()
        # 5. Accept no more, and wait until all connections have ended. Cut them when time is up.
        self.set_accept_enabled(False)
        while self.nr_conns > 0 and monotonic() < self._cut_at + EXIT_SECONDS:
            self.take_turn()
        # 6. Let the process exit.
        self._release()

    # -- The plan --------------------------------------------------------------------------

    def _plan(self) -> Timetable:
        began = monotonic()
        if self.drain_times.delay or self.drain_times.spread:
            self._await_cause(began + HEAR_SECONDS)
        return timetable(self._cause(), self.drain_times, self.cfg.graceful_timeout, began)

    def _await_cause(self, deadline: float) -> None:
        """After a signal, serve on until the master says that it was its own."""
        while (
            self._stopped_by_signal
            and self._siblings.are_told
            and self._cause() is Cause.OTHER
            and self._may_wait(deadline)
        ):
            self.set_accept_enabled(self.can_accept())
            self.take_turn()

    def _cause(self) -> Cause:
        if not self._stopped_by_signal:
            return Cause.OTHER
        if self._siblings.all_stop():
            return Cause.SERVER
        return Cause.RETIRED if self._siblings.signal_to(self.age) else Cause.OTHER

    def _may_wait(self, until: float) -> bool:
        """Return whether there is time until ``until``. Without a master, there is none."""
        if not self._hurries and not self.is_parent_alive():
            self._hurries = True
        return not self._hurries and monotonic() < until

    # -- The steps -------------------------------------------------------------------------

    def _serve_until(self, refuse_at: float) -> None:
        if refuse_at <= monotonic():
            return
        # Not at the top: see the docstring of flask_echo.worker.
        from flask_echo.websocket.extension import announce_drain

        until_there_is_memory(announce_drain)
        while self._may_wait(refuse_at):
            self.set_accept_enabled(self.can_accept())
            self.take_turn()

    def _settle(self, deadline: float) -> None:
        """Serve requests whose connection has been accepted. An upgrade among them gets its 101.

        If the whole server stops, it gets 503 instead: no other worker would have served it.
        """
        while self._siblings.any_serves() and monotonic() < min(deadline, self._cut_at):
            settled = len(self.keepalived_conns) + self._deadlines.count_websockets()
            if self.nr_conns <= settled:
                return
            self.take_turn()

    def _accept_while_stopping(self) -> None:
        """Go on accepting if the whole server stops: probes get a response, upgrades get 503.

        Otherwise a worker that serves, or is about to, takes the connections, and loses no upgrade.
        If the whole server stops, that may be a worker of the next master, on a socket of systemd.
        It is about to start when no WebSocket waits for its turn any more, which can take an hour.
        """
        takes_its_time = self._siblings.all_stop() and monotonic() < self._turns_end_at
        others_will = self._siblings.any_serves() and not takes_its_time
        nobody_else_will = self._stopped_by_signal and not others_will
        self.set_accept_enabled(nobody_else_will and self.can_accept())

    def _drain(self, spread: float, closing: float) -> None:
        # Not at the top: see the docstring of flask_echo.worker.
        from flask_echo.websocket.extension import drain_all

        self._turns_end_at = monotonic() + spread
        self._cut_at = min(self._cut_at, self._turns_end_at + closing)
        # Half of the time is for replies that are due, the other half for the goodbye.
        drain_all(max(0.0, self._cut_at - spread - monotonic()) / 2, spread)

    def _has_websockets(self, plan: Timetable) -> bool:
        """Return whether a WebSocket is open, or something else waits for its turn to end.

        Wake those whose turn has come; if there is no time, all.
        """
        # Not at the top: see the docstring of flask_echo.worker.
        from flask_echo.websocket.extension import wake_due

        if not until_there_is_memory(wake_due):
            return self._deadlines.count_websockets() > 0
        if not self._may_wait(self._cut_at - plan.closing):
            until_there_is_memory(self._drain, 0.0, plan.closing)
        return True

    def _limit_idle(self, deadline: float) -> None:
        """Close connections without a request at ``deadline``, or earlier if they are due then."""
        for conn in (*self.pending_conns, *self.keepalived_conns):
            conn.timeout = min(conn.timeout or 0.0, deadline)

    def keep_alive_until(self) -> float:
        """Return when a stopping worker closes connections without a request."""
        return self._linger_until

    def _release(self) -> None:
        self._exit_without_threads_that_never_end()
        self.murder_keepalived(force=True)
        self.tpool.shutdown()
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def _exit_without_threads_that_never_end(self) -> None:
        """Bound the exit. Threads of handlers that never return may hold locks that it needs.

        The master kills the process after SIGTERM, but not after SIGHUP or ``max_requests``. A
        timer needs no thread, which the system may not give.
        """
        abandoned = self._deadlines.count()
        if not abandoned:
            return
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, EXIT_SECONDS)
        self.log.warning("%d handlers have not returned. They are abandoned", abandoned)

    # -- In a signal handler: take no lock and start no thread -----------------------------

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: stop."""
        self._stopped_by_signal = True
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: stop as after SIGTERM, but quickly, also if that has begun."""
        self._hurries = True
        self._cut_at = min(self._cut_at, monotonic() + QUICK_SECONDS)
        self.cfg.worker_int(self)
        self.handle_exit(sig, frame)
