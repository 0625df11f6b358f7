"""The fast half of the load generator: the same message to and fro on established connections.

See :mod:`bench.load`.
"""

import itertools
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from bench.load import (
    EVENTS_PER_POLL,
    LATENCY_SAMPLES,
    READ_BYTES,
    READ_EVENTS,
    no_garbage_collection,
    reason,
)
from bench.wire import Message, WrongAnswer


@dataclass(frozen=True)
class Traffic:
    """What one `Exchange.run` saw.

    `latencies` are seconds, in order of size. A starved connection got no reply during the whole
    run; its wait so far is among the latencies, as a lower bound. `dropped` counts the connections
    lost since the exchange began, by reason.
    """

    messages: int
    seconds: float
    latencies: Sequence[float]
    starved: int
    dropped: Counter[str]


class Peer:
    """What an `Exchange` knows about one connection."""

    # Slots and prepared methods: their lookup is a tenth of the cost of a message.
    __slots__ = ("due", "fd", "position", "receive", "sent_at", "sock", "transmit", "unsent")

    def __init__(self, sock: socket.socket, window: int) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.receive = sock.recv
        self.transmit: Callable[[bytes], int] = sock.send
        self.unsent = bytearray()
        # Bytes received of an incomplete reply.
        self.position = 0
        # One message in flight is timed: the last one of a batch, sent at `sent_at`, which is
        # answered when `due` more replies have come.
        self.sent_at = 0.0
        self.due = window

    def queue(self, data: bytes) -> int:
        """Stand in for `send` while something is unsent."""
        self.unsent += data
        return len(data)


class Exchange:
    """The same message to and fro on every connection, `window` of them in flight on each.

    What was answered is sent again at once, as one batch. The sockets must be non-blocking; the
    exchange owns them from now on. Not thread-safe.
    """

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        message: Message,
        *,
        window: int = 1,
        spin: bool = True,
    ) -> None:
        self._peers = {sock.fileno(): Peer(sock, window) for sock in sockets}
        self._window = window
        self._poll_seconds = 0 if spin else 0.001
        # What a read returns as a rule; None if that is not known.
        self._reply: bytes | None = message.reply
        # A read starts anywhere in a reply and holds a window of them at most.
        self._expected = message.reply * (window + 1)
        self._reply_bytes = len(message.reply)
        self._read_bytes = min(window * len(message.reply), READ_BYTES)
        self._batches = [message.frame * count for count in range(window + 1)]
        self._dropped: Counter[str] = Counter()
        self._poller = select.epoll()
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._poller.close()
        for peer in self._peers.values():
            peer.sock.close()

    def run(self, seconds: float) -> Traffic:
        """Keep the messages going for `seconds`; what is in flight stays so for the next run."""
        latencies: deque[float] = deque(maxlen=LATENCY_SAMPLES)
        with no_garbage_collection():
            if not self._started:
                self._start()
            began = time.perf_counter()
            messages, ended = self._loop(began + seconds, latencies)
        waits = [ended - peer.sent_at for peer in self._peers.values() if peer.sent_at < began]
        samples = sorted(itertools.chain(latencies, waits))
        return Traffic(messages, ended - began, samples, len(waits), self._dropped.copy())

    def _start(self) -> None:
        self._started = True
        for peer in self._peers.values():
            self._poller.register(peer.fd, READ_EVENTS)
            peer.sent_at = time.perf_counter()
            self._postpone(peer, self._batches[self._window])

    def _loop(self, until: float, latencies: deque[float]) -> tuple[int, float]:
        """Answer replies with new messages until the time has come.

        Returns how many replies came, and the time. Every line runs for every message, so all is
        inlined and bound to locals and the rare is elsewhere: that is the reason for its length.
        """
        poll, poll_seconds, clock = self._poller.poll, self._poll_seconds, time.perf_counter
        peers, reply, read_bytes = self._peers, self._reply, self._read_bytes
        batches, window = self._batches, self._window
        sample, readable = latencies.append, select.EPOLLIN
        messages, now = 0, clock()
        while now < until and peers:
            now = clock()
            for fd, events in poll(poll_seconds, EVENTS_PER_POLL):
                peer = peers[fd]
                if events != readable:
                    self._unusual(peer, events)
                    continue
                now = clock()
                try:
                    receive = peer.receive
                    data = receive(read_bytes)
                    answered = 1
                    if data != reply or peer.position:
                        answered = self._count(peer, data)
                        if not answered:
                            continue
                    messages += answered
                    peer.due -= answered
                    if peer.due <= 0:
                        sample(now - peer.sent_at)
                        peer.sent_at = now
                        peer.due = window
                    transmit, batch = peer.transmit, batches[answered]
                    try:
                        sent = transmit(batch)
                    except BlockingIOError:
                        sent = 0
                    if sent != len(batch):
                        self._postpone(peer, batch[sent:])
                except (OSError, WrongAnswer) as error:
                    self._drop(peer, reason(error))
        return messages, now

    def _count(self, peer: Peer, data: bytes) -> int:
        """Check a read that is not exactly one reply; return how many it completes."""
        if not self._expected.startswith(data, peer.position):
            raise WrongAnswer("not the echo")
        answered, peer.position = divmod(peer.position + len(data), self._reply_bytes)
        return answered

    def _unusual(self, peer: Peer, events: int) -> None:
        """Deal with anything but "there is something to read"."""
        try:
            if events & ~(select.EPOLLIN | select.EPOLLOUT):
                raise WrongAnswer("the connection ended")
            self._flush(peer)
        except (OSError, WrongAnswer) as error:
            self._drop(peer, reason(error))

    def _postpone(self, peer: Peer, data: bytes) -> None:
        """Keep what the socket did not take, and queue what follows behind it."""
        peer.unsent += data
        peer.transmit = peer.queue
        self._poller.modify(peer.fd, READ_EVENTS | select.EPOLLOUT)

    def _flush(self, peer: Peer) -> None:
        del peer.unsent[: peer.sock.send(peer.unsent)]
        if not peer.unsent:
            peer.transmit = peer.sock.send
            self._poller.modify(peer.fd, READ_EVENTS)

    def _drop(self, peer: Peer, reason: str) -> None:
        self._dropped[reason] += 1
        self._poller.unregister(peer.fd)
        del self._peers[peer.fd]
        peer.sock.close()
