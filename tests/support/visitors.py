"""Clients that come again and again, while something happens to the service."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from tests.support.clients import RawWebSocket, close_frame, frame
from tests.support.waiting import wait_until

VISITORS = 8
# For a restart on a busy machine.
SECONDS = 60


class Visitors:
    """What the visitors of :func:`visitors` have done so far."""

    def __init__(self) -> None:
        self.counts = [0] * VISITORS

    def await_next(self) -> None:
        """Wait until each visitor has been served once more, from its beginning to its end."""
        # The visit that is under way has begun before.
        wanted = [count + 2 for count in self.counts]
        wait_until(lambda: all(map(int.__ge__, self.counts, wanted)), SECONDS, self.describe)

    def describe(self) -> str:
        """Return how often each was served."""
        return f"{self.counts}"


@contextmanager
def visitors(connect: Callable[[], socket.socket]) -> Iterator[Visitors]:
    """Let visitors come, one visit of each after the other, until the end of the block.

    :param connect: returns a connected socket. It may have to wait for the service.
    :raises AssertionError: or what went wrong in a visit: no visitor may be refused.
    """
    is_over = Event()
    so_far = Visitors()

    def visit(number: int) -> None:
        while not is_over.is_set():
            _converse(connect())
            so_far.counts[number] += 1

    with ThreadPoolExecutor(VISITORS) as pool:
        visits = [pool.submit(visit, number) for number in range(VISITORS)]
        try:
            yield so_far
        finally:
            is_over.set()
            for each in visits:
                each.result(SECONDS)


def _converse(sock: socket.socket) -> None:
    """Open a WebSocket, and use it until it is closed by either side."""
    with RawWebSocket(sock, patience=SECONDS) as client:  # It asserts the status 101.
        client.send(frame(0x81, b"hello"))
        answer = client.receive()
        if answer.first == 0x81:
            assert answer.payload == b"hello"
            client.send(close_frame())
            answer = client.receive()
        assert answer.close_code in (1000, 1001)
