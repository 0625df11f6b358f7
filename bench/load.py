"""A WebSocket load generator: many clients in one thread, cheap enough to outrun the servers.

It needs :mod:`bench.wire` alone, so that other tools can use it::

    target = Target(port=8080)
    message = Message.of(32)
    opened = open_connections(target, 64, message, seconds=10)
    with Exchange(opened.sockets, message, window=16) as exchange:
        exchange.run(0.5)                                   # warm up
        traffic = exchange.run(3.0)
    print(traffic.messages / traffic.seconds, percentile(traffic.latencies, 0.99))

`converse` takes connections through any sequence of steps, a limited number at a time;
`open_connections`, `still_answering` and `open_and_close` are its uses. For established
connections, :class:`bench.exchange.Exchange` is faster.

Every byte that comes back is compared with what an echo must be, and every call ends by its
deadline. Only Linux is supported (epoll).

What keeps it cheap: frames are masked once, beforehand, and sent as they are; a reply is
compared as bytes (one memcmp) and never parsed; and by default it never sleeps. A sleeping
client would be woken by the server's own ``send``, which would charge that wake-up to the server
and add its own (up to 100 µs on a virtual machine) to every latency. So it needs a core of its
own; `spin=False` is for machines that have none to spare.
"""

import errno
import gc
import itertools
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.wire import (
    ACCEPT,
    CLOSE,
    CLOSE_FRAME,
    FIN,
    KEY,
    MASK,
    PING_BEGINS,
    PONG,
    Message,
    WrongAnswer,
    frame,
)

READ_BYTES = 256 * 1024
# The newest samples are kept: more than a second's at the highest rate seen, in 8 MiB.
LATENCY_SAMPLES = 2**18
EVENTS_PER_POLL = 256
OPENING_AT_ONCE = 64
STUCK_SECONDS = 2.0

READ_EVENTS = select.EPOLLIN | select.EPOLLRDHUP


@dataclass(frozen=True)
class Target:
    """The address of a WebSocket; connections go to this machine unless `host` says otherwise.

    `offer` is the value of `Sec-WebSocket-Extensions`. Without it nothing is compressed.
    """

    port: int
    path: str = "/echo"
    host: str = "127.0.0.1"
    offer: str = ""

    @property
    def request(self) -> bytes:
        """The upgrade request."""
        extensions = f"Sec-WebSocket-Extensions: {self.offer}\r\n" if self.offer else ""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
        ).encode("ascii")

    def connect(self) -> socket.socket:
        """Start a TCP connection and return its non-blocking socket at once."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex((self.host, self.port))
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            raise OSError(error, errno.errorcode[error])
        return sock


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Return the value below which `fraction` of the `ordered` samples lie (NaN without any)."""
    if not ordered:
        return float("nan")
    return ordered[min(int(fraction * len(ordered)), len(ordered) - 1)]


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep the collector out of a measurement; the loops of the generator make no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Step(NamedTuple):
    """What to send, and how to tell that it has been answered.

    `answered` takes all that was received since: True means complete, False that more must come;
    it raises `WrongAnswer`. None in its place waits for the end of the stream.
    """

    send: bytes
    answered: Callable[[bytes], bool] | None


def upgrade_step(target: Target) -> Step:
    """Ask for the upgrade, accept nothing but a right 101, with the extension that was offered."""
    extension = target.offer.partition(";")[0].encode("ascii")

    def upgraded(received: bytes) -> bool:
        if not _upgraded(received):
            return False
        if extension not in received:
            raise WrongAnswer(f"no {extension.decode()} in the 101")
        return True

    return Step(target.request, upgraded)


def echo_step(message: Message) -> Step:
    """Send one message, accept nothing but its echo."""
    return Step(message.frame, message.is_echo)


def close_steps() -> tuple[Step, Step]:
    """Close: a close frame comes back, then the server ends TCP (RFC 6455 section 7.1.1)."""
    return Step(CLOSE_FRAME, _closed), Step(b"", None)


def _upgraded(received: bytes) -> bool:
    if b"\r\n\r\n" not in received:
        return False
    status = received.partition(b"\r\n")[0]
    if not status.startswith(b"HTTP/1.1 101 "):
        raise WrongAnswer(f"refused: {status.decode('latin-1')}")
    if ACCEPT not in received or not received.endswith(b"\r\n\r\n"):
        raise WrongAnswer("a 101 without the right accept value or with more behind it")
    return True


def _closed(received: bytes) -> bool:
    if received[0] != FIN | CLOSE:
        raise WrongAnswer(f"not a close frame: {received[:16]!r}...")
    return len(received) >= 2 and len(received) == 2 + received[1]


class _Conversation:
    """One connection on its way through the steps. It belongs to one `_Stage`."""

    def __init__(self, sock: socket.socket, steps: Iterable[Step], began: float) -> None:
        self.sock = sock
        self.began = began
        self._steps = iter(steps)
        self._received = b""
        self.unsent = memoryview(b"")
        self._next_step()

    def _next_step(self) -> bool:
        """Load the next step; False if the last one was done."""
        step = next(self._steps, None)
        if step is None:
            return False
        self._answered = step.answered
        self.unsent = memoryview(bytes(self.unsent) + step.send)
        return True

    def advance(self, events: int) -> bool:
        """Do what the socket is ready for; True once the last step is answered."""
        if not self.unsent and events & ~select.EPOLLOUT and self._read():
            self._received = b""
            if not self._next_step():
                return True
        if self.unsent:
            self._write()
        return False

    def _write(self) -> None:
        with suppress(BlockingIOError):
            self.unsent = self.unsent[self.sock.send(self.unsent) :]

    def _read(self) -> bool:
        """Read once; True when this step is answered."""
        data = self.sock.recv(READ_BYTES)
        if self._answered is None:
            if data:
                raise WrongAnswer(f"bytes after the close frame: {data[:16]!r}...")
            return True
        if not data:
            raise WrongAnswer("the connection ended")
        self._received += data
        while self._received.startswith(PING_BEGINS):
            if not self._answer_ping():
                return False
        return bool(self._received) and self._answered(self._received)

    def _answer_ping(self) -> bool:
        """Prepare the pong (RFC 6455 section 5.5.3); False if the ping is incomplete."""
        end = 2 + self._received[1] if len(self._received) > 1 else 2
        if len(self._received) < end:
            return False
        pong = frame(PONG, self._received[2:end], MASK)
        self.unsent = memoryview(bytes(self.unsent) + pong)
        self._received = self._received[end:]
        return True


@dataclass
class Outcome:
    """What became of the conversations of one `converse`.

    `sockets` are the connections still open (unless the last step was their end), `latencies` the
    seconds from connect to the last answer, in order of size, `failures` the reasons with their
    counts.
    """

    sockets: list[socket.socket] = field(default_factory=list)
    completed: int = 0
    seconds: float = 0.0
    latencies: Sequence[float] = ()
    failures: Counter[str] = field(default_factory=Counter)

    def close(self) -> None:
        """Close the connections that were left open."""
        for sock in self.sockets:
            sock.close()
        self.sockets.clear()


class _Stage:
    """Runs conversations, `width` of them at a time."""

    def __init__(self, sockets: Iterable[socket.socket], steps: Sequence[Step], width: int) -> None:
        self._waiting = iter(sockets)
        self._steps = steps
        self._width = width
        self._ends = steps[-1].answered is None
        self._active: dict[int, _Conversation] = {}
        self._writing: set[int] = set()
        self._latencies: deque[float] = deque(maxlen=LATENCY_SAMPLES)
        self._outcome = Outcome()
        self._poller = select.epoll()

    def run(self, seconds: float, spin: bool) -> Outcome:
        """Play until all is done or the time is up."""
        began = now = time.perf_counter()
        with no_garbage_collection(), self._poller:
            while now < began + seconds and self._admit(now):
                for fd, events in self._poller.poll(0 if spin else 0.001, EVENTS_PER_POLL):
                    self._turn(fd, events)
                now = time.perf_counter()
            self._abandon(now)
        self._outcome.seconds = now - began
        self._outcome.latencies = sorted(self._latencies)
        return self._outcome

    def _admit(self, now: float) -> bool:
        """Let in as many as there is room for; False when nobody is left."""
        room = self._width - len(self._active)
        for sock in itertools.islice(self._waiting, room):
            self._active[sock.fileno()] = _Conversation(sock, self._steps, now)
            self._writing.add(sock.fileno())
            self._poller.register(sock, READ_EVENTS | select.EPOLLOUT)
        return bool(self._active)

    def _turn(self, fd: int, events: int) -> None:
        conversation = self._active[fd]
        try:
            if conversation.advance(events):
                self._complete(fd)
            elif bool(conversation.unsent) != (fd in self._writing):
                self._watch_writing(fd, bool(conversation.unsent))
        except (OSError, WrongAnswer) as error:
            self._outcome.failures[reason(error)] += 1
            self._leave(fd).close()

    def _watch_writing(self, fd: int, wanted: bool) -> None:
        self._poller.modify(fd, READ_EVENTS | select.EPOLLOUT if wanted else READ_EVENTS)
        (self._writing.add if wanted else self._writing.discard)(fd)

    def _complete(self, fd: int) -> None:
        self._latencies.append(time.perf_counter() - self._active[fd].began)
        self._outcome.completed += 1
        sock = self._leave(fd)
        if self._ends:
            sock.close()
        else:
            self._outcome.sockets.append(sock)

    def _leave(self, fd: int) -> socket.socket:
        self._poller.unregister(fd)
        self._writing.discard(fd)
        return self._active.pop(fd).sock

    def _abandon(self, now: float) -> None:
        """Time is up: those under way are cut, those that hung are failures."""
        for fd, conversation in list(self._active.items()):
            if now - conversation.began > STUCK_SECONDS:
                self._outcome.failures[f"no answer for {STUCK_SECONDS:.0f} s"] += 1
            self._leave(fd).close()


def reason(error: Exception) -> str:
    """Return why a connection failed, in few words."""
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error))
    return str(error)


def converse(
    sockets: Iterable[socket.socket],
    steps: Sequence[Step],
    *,
    width: int,
    seconds: float,
    spin: bool = True,
) -> Outcome:
    """Take each of the non-blocking `sockets` through `steps`, at most `width` at a time.

    `sockets` may be lazy: the next one is asked for when there is room. Ends when all are done, or
    after `seconds`. Raises `OSError` if this side has no more ports or file descriptors.
    """
    return _Stage(sockets, steps, width).run(seconds, spin)


def open_connections(
    target: Target, count: int, message: Message, *, seconds: float, spin: bool = True
) -> Outcome:
    """Open `count` connections; one echo on each has been checked when they are handed over."""
    steps = (upgrade_step(target), echo_step(message))
    sockets = (target.connect() for _ in range(count))
    return converse(sockets, steps, width=OPENING_AT_ONCE, seconds=seconds, spin=spin)


def still_answering(
    sockets: Iterable[socket.socket], message: Message, *, seconds: float, spin: bool = True
) -> Outcome:
    """Send one message on each of the open connections; those that failed are closed."""
    steps = (echo_step(message),)
    return converse(sockets, steps, width=OPENING_AT_ONCE, seconds=seconds, spin=spin)


def open_and_close(
    target: Target, message: Message, *, width: int, seconds: float, spin: bool = True
) -> Outcome:
    """Open, exchange one message, close and see the end of TCP, again and again for `seconds`."""
    steps = (upgrade_step(target), echo_step(message), *close_steps())
    sockets = (target.connect() for _ in itertools.count())
    return converse(sockets, steps, width=width, seconds=seconds, spin=spin)
