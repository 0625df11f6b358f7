"""Connections without a thread: accepted, waiting for a request, and counted.

All of this runs on the main thread of a worker. Errors that one connection causes, and a lack of
descriptors, threads or memory, end that connection at most, and never the loop.

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import errno
import selectors
import socket
from collections import deque
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from flask_echo.pool import MEMORY_PAUSE_SECONDS, Job, Pool

# For a whole request header. For comparison: nginx's client_header_timeout is 60 s, Apache's
# RequestReadTimeout begins with 20 s.
HEADER_TIMEOUT_SECONDS = 10.0

# For a response that is not a WebSocket. The largest file of the service is under 200 KiB.
RESPONSE_TIMEOUT_SECONDS = 30.0

# Without descriptors, connections stay in the kernel's queue for this long.
ACCEPT_PAUSE_SECONDS = 0.5

# When the system gives no thread, a request waits this long for one that ends its work.
THREAD_TIMEOUT_SECONDS = 1.0

# When all connections have a thread, this many that wait for the rest of a header are cut at once.
_CUT_AT_ONCE = 32

# A warning about a lack of something is logged once in this time.
WARNING_SECONDS = 10.0

# accept() fails with these if the client has left, or another worker was quicker.
_NOBODY_THERE = {errno.EAGAIN, errno.ECONNABORTED, errno.EINTR}

# accept() reports pending errors of the new connection; see accept(2), "Error handling". A firewall
# causes EPERM. Linux alone has ENONET.
_NETWORK = {
    errno.ENETDOWN,
    errno.EPROTO,
    errno.ENOPROTOOPT,
    errno.EHOSTDOWN,
    getattr(errno, "ENONET", errno.EHOSTDOWN),
    errno.EHOSTUNREACH,
    errno.EOPNOTSUPP,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
    errno.EPERM,
}

# accept() fails with these if there is no descriptor or no memory left.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_NO_THREAD = b"This server has no thread for another request. Try again later.\n"
_RESPONSE_WITHOUT_THREAD = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Connection: close\r\n"
    b"Retry-After: 5\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_NO_THREAD)
) + _NO_THREAD


class ArrivalsWorker(ThreadWorker):
    """The part of the worker that keeps connections which have no thread.

    A connection is in ``_open`` from its accept to its end, and ``nr_conns`` is the size of that
    set. So an error halfway cannot count a connection twice, or never.
    """

    tpool: Pool  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open: set[TConn] = set()
        # Those that a pool thread has closed, until the main thread counts them down.
        self._closed: deque[TConn] = deque()
        # Jobs in the order of their arrival, until a thread has begun them.
        self._queued: deque[tuple[Job, TConn]] = deque()
        self._lacks_threads_until = 0.0
        self._resume_accept_at = 0.0
        self._warn_again_at = 0.0
        # How many connections have ended.
        self.dropped = 0

    def get_thread_pool(self) -> Pool:  # type: ignore[override]
        """Make the pool; see :mod:`flask_echo.pool`."""
        return Pool(self.cfg.threads)

    # -- One turn of the loop --------------------------------------------------------------

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events and run their callbacks. Notify the master after each slow one."""
        keys = self._events(timeout)
        self._count_down()
        for key in keys:
            try:
                key.data(key.fileobj)
            except MemoryError:
                self.recover_from_lack_of_memory()
            self.notify_in_time()

    def _events(self, timeout: float | None) -> list[selectors.SelectorKey]:
        """Return what is ready. Listeners are last: an accept may drop who has sent nothing."""
        try:
            keys = [key for key, _ in self.poller.select(timeout)]
        except InterruptedError:
            return []
        return sorted(keys, key=lambda key: key.data == self.accept)

    def notify_in_time(self) -> None:
        """Tell the master, once a second, that the worker is alive."""
        raise NotImplementedError

    def recover_from_lack_of_memory(self) -> None:
        """Warn, and leave the CPU to threads that may free memory."""
        with suppress(MemoryError):
            self.warn("A lack of memory has ended one step of the main loop")
            sleep(MEMORY_PAUSE_SECONDS)

    def warn(self, message: str, *args: object) -> None:
        """Log a warning about a lack of something, unless one has been logged recently."""
        now = monotonic()
        if now >= self._warn_again_at:
            self._warn_again_at = now + WARNING_SECONDS
            self.log.warning(message, *args)

    # -- Accepting -------------------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its first byte without a thread.

        Most clients have sent their request by then. It gets its thread at once.
        """
        try:
            sock, address = listener.accept()
        except OSError as error:
            return self._cannot_accept(error)
        # The listener was asked before anybody is dropped: another worker may have been quicker.
        if self.is_full() and not self.make_room():
            return sock.close()
        conn = self.connection(sock, address, listener)
        self._open.add(conn)
        if _has_input(sock):
            self._count()
            conn.data_ready = True
            return self.enqueue_req(conn)
        try:
            self._await_first_byte(conn)
        except (OSError, MemoryError) as error:
            with suppress(ValueError):
                self.pending_conns.remove(conn)
            self.drop(conn)
            self.warn("A connection is closed, because the worker cannot wait for it: %r", error)
        return None

    def connection(self, sock: socket.socket, address: Any, listener: socket.socket) -> TConn:
        """Make the connection of a socket that was accepted."""
        return TConn(self.cfg, sock, address, listener.getsockname())

    def _await_first_byte(self, conn: TConn) -> None:
        self._count()
        conn.timeout = monotonic() + HEADER_TIMEOUT_SECONDS
        self.pending_conns.append(conn)
        first_byte = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, first_byte)

    def _cannot_accept(self, error: OSError) -> None:
        """Note why there is no connection. Without a descriptor for it, let a silent one go."""
        if error.errno in _NOBODY_THERE | _NETWORK:
            return
        if error.errno not in _EXHAUSTED:
            raise error
        self.warn("Cannot accept: %s", error)
        if not self._drop_oldest(self.pending_conns):
            self._resume_accept_at = monotonic() + ACCEPT_PAUSE_SECONDS
            self.set_accept_enabled(False)

    def can_accept(self) -> bool:
        """Whether there is room for a connection, or one that can make room."""
        if monotonic() < self._resume_accept_at:
            return False
        if not self.is_full() or self.pending_conns or self.keepalived_conns:
            return True
        self.free_threads(_CUT_AT_ONCE)
        return False

    def is_full(self) -> bool:
        """Whether there are as many connections as there may be."""
        self._count_down()
        return bool(self.nr_conns >= self.worker_connections)

    def make_room(self) -> bool:
        """Drop the connection that has been silent for the longest time. False if all have sent."""
        return self._drop_oldest(self.pending_conns) or self._drop_oldest(self.keepalived_conns)

    def _drop_oldest(self, waiting: "deque[TConn]") -> bool:
        if not waiting:
            return False
        self._drop_waiting(waiting.popleft())
        return True

    # -- Counting --------------------------------------------------------------------------

    def _count(self) -> None:
        self.nr_conns = len(self._open)

    def drop(self, conn: TConn) -> None:
        """Close a connection, and count it down, unless that is done."""
        self._open.discard(conn)
        self._count()
        self.dropped += 1
        conn.close()

    def _count_down(self) -> None:
        while self._closed:
            self.drop(self._closed.popleft())

    def _drop_waiting(self, conn: TConn) -> None:
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.drop(conn)

    def murder_pending(self) -> None:
        """Drop connections whose first byte is late."""
        self._drop_late(self.pending_conns, monotonic())

    def murder_keepalived(self, force: bool = False) -> None:
        """Drop connections that were kept alive long enough; with ``force``, all of them."""
        self._drop_late(self.keepalived_conns, float("inf") if force else monotonic())

    def _drop_late(self, waiting: "deque[TConn]", now: float) -> None:
        while waiting and (waiting[0].timeout or 0.0) <= now:
            self._drop_waiting(waiting.popleft())

    # -- To a thread, and back -------------------------------------------------------------

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection with a request to a thread. Without memory for that, drop it."""
        try:
            job = self._job(conn)
        except MemoryError:
            self.drop(conn)
            raise
        try:
            self._queued.append((job, conn))
            self.tpool.submit(job)
        except MemoryError:
            if job.claim():
                self.drop(conn)
            raise
        self.find_threads()

    def _job(self, conn: TConn) -> Job:
        job = Job(partial(self.handle, conn))
        job.done = partial(self._report_end, conn, job)
        return job

    def _report_end(self, conn: TConn, job: Job) -> None:
        """Tell the main thread that a request has ended. A pool thread calls this.

        The main thread counts closed connections down in its next turn. It is woken for that only
        if it waits for one of them: awake, it would compete for the GIL.
        """
        has_room = len(self._open) < self.worker_connections
        if self.alive and has_room and job.error is None and not job.result():
            self._closed.append(conn)
        else:
            self.method_queue.defer(self.finish_request, conn, job)

    def find_threads(self) -> None:
        """Start threads for requests that wait, or make threads free for them."""
        try:
            self.tpool.grow()
        except (RuntimeError, MemoryError) as error:
            self._lacks_threads_until = monotonic() + THREAD_TIMEOUT_SECONDS
            self.warn("Cannot start a thread: %s", error or "no memory")
        if shortage := self.tpool.shortage():
            self.free_threads(shortage)

    def free_threads(self, count: int) -> None:
        """Make up to ``count`` threads free that wait for something less important."""
        raise NotImplementedError

    def refuse_requests_without_thread(self) -> None:
        """Refuse requests that have waited too long for a thread."""
        self.find_threads()
        now = monotonic()
        lacks_threads = now < self._lacks_threads_until
        patience = THREAD_TIMEOUT_SECONDS if lacks_threads else RESPONSE_TIMEOUT_SECONDS
        while self._queued:
            job, conn = self._queued[0]
            if not job.is_claimed():
                if job.submitted_at + patience > now:
                    return
                if job.claim():
                    self._refuse(conn)
            self._queued.popleft()

    def _refuse(self, conn: TConn) -> None:
        """Answer 503 as far as that is possible without waiting, and close the connection."""
        self.warn("A request is refused, because no thread is free")
        if not self.cfg.is_ssl:
            _send_at_once(conn.sock, _RESPONSE_WITHOUT_THREAD)
        self.drop(conn)

    def finish_request(self, conn: TConn, job: Any) -> None:
        """Keep a connection alive after its request, or count it down."""
        if job.error is not None:  # The original would let a SystemExit end the worker.
            error, job.error = job.error, None  # It refers to the frames of the job.
            with suppress(MemoryError):
                self.log.error("A view has ended its thread", exc_info=error)
            return self.drop(conn)
        if not job.result():
            return self.drop(conn)
        parser: Any = conn.parser
        if parser.unreader.buf.getvalue():
            # The next request has arrived with the last one.
            return self.enqueue_req(conn)
        return self._keep_alive(conn)

    def _keep_alive(self, conn: TConn) -> None:
        try:
            conn.sock.setblocking(False)
            conn.timeout = monotonic() + self.cfg.keepalive
            if not self.alive:
                conn.timeout = min(conn.timeout, self.keep_alive_until())
            self.keepalived_conns.append(conn)
            next_request = partial(self.on_client_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, next_request)
        except (OSError, ValueError, KeyError, MemoryError):
            with suppress(ValueError):
                self.keepalived_conns.remove(conn)
            self.drop(conn)

    def keep_alive_until(self) -> float:
        """Return when a stopping worker closes connections without a request."""
        raise NotImplementedError


def _has_input(sock: socket.socket) -> bool:
    """Return whether a read would not wait.

    :param sock: a plain socket that does not block.
    """
    try:
        sock.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, MemoryError):
        return False
    except OSError:  # The thread that reads the request gets it, too.
        return True
    return True


def _send_at_once(sock: socket.socket, data: bytes) -> None:
    """Send what the kernel takes at once, and take its input, which would turn the end to a reset.

    :param sock: a plain socket that does not block.
    """
    with suppress(OSError):
        sock.setblocking(False)
        sock.send(data)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)
