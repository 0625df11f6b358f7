"""The load: clients that send a numbered message each second, and reconnect as the page does.

A process of its own: ``python -m tools.roll.clients ADDRESS COUNT FILE``. SIGTERM makes the
clients wait for what is due, and end. Each line of the file is an event: its time on the monotonic
clock in seconds, its kind, the client, and a detail.

======= ======================================================== ==========================
kind    when                                                     detail
======= ======================================================== ==========================
open    a handshake is done
failed  a handshake is not done                                  why
sent    a message is sent for the first time                     its number
reply   its reply is there                                       its number
lost    a connection has ended                                   its close code
end     the client has ended                                     messages without a reply
======= ======================================================== ==========================
"""

import asyncio
import random
import signal
import sys
from contextlib import suppress
from time import monotonic
from typing import TextIO

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

EVERY_SECONDS = 1.0
RAMP_SECONDS = 5.0
# As static/js/talk/backoff.js has them.
FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0

_OPEN_SECONDS = 10.0
# At the end: for the replies on one connection, then for all, on further connections.
_REPLY_SECONDS = 5.0
_LAST_REPLIES_SECONDS = 20.0


class BackOff:
    """The delay before each attempt to reconnect, as the page computes it."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY
        self._opened_at = monotonic()

    def opened(self) -> None:
        """The connection has opened."""
        self._opened_at = monotonic()

    def seconds(self) -> float:
        """Return how long to wait from now."""
        if monotonic() - self._opened_at > self._delay:
            self._delay = FIRST_DELAY
        self._opened_at = monotonic()
        delay = self._delay * (1 - random.random() / 2)
        self._delay = min(2 * self._delay, LONGEST_DELAY)
        return delay


class Client:
    """One client. Messages without a reply are sent again on its next connection."""

    def __init__(self, number: int, address: str, log: TextIO, stop: asyncio.Event) -> None:
        self._number = number
        self._url = f"ws://{address}/echo"
        self._log = log
        self._stop = stop
        self._due: dict[int, None] = {}
        self._nothing_due = asyncio.Event()
        self._last = 0

    async def run(self) -> None:
        """Talk until the process must stop and every message has its reply."""
        back_off = BackOff()
        await asyncio.sleep(random.random() * RAMP_SECONDS)
        while not self._is_done():
            await self._attempt(back_off)
            if not self._is_done():
                await asyncio.sleep(back_off.seconds())

    def end(self) -> None:
        """Note how many messages have no reply."""
        self._note("end", len(self._due))

    def _is_done(self) -> bool:
        return self._stop.is_set() and not self._due

    async def _attempt(self, back_off: BackOff) -> None:
        try:
            connection = await connect(self._url, compression=None, open_timeout=_OPEN_SECONDS)
        except (OSError, WebSocketException) as error:
            self._note("failed", f"{type(error).__name__}: {error}".replace("\n", " "))
            return
        back_off.opened()
        self._note("open")
        async with connection, asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send(connection))
            await self._receive(connection)
            sender.cancel()

    async def _send(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            for number in list(self._due):
                await connection.send(self._text(number))
            while not self._stop.is_set():
                await self._send_next(connection)
                await asyncio.sleep(EVERY_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nothing_due.wait(), _REPLY_SECONDS)
            await connection.close()

    async def _send_next(self, connection: ClientConnection) -> None:
        self._last += 1
        self._due[self._last] = None
        self._nothing_due.clear()
        self._note("sent", self._last)
        await connection.send(self._text(self._last))

    def _text(self, number: int) -> str:
        return f"{self._number} {number}"

    async def _receive(self, connection: ClientConnection) -> None:
        try:
            while True:
                self._take(str(await connection.recv()))
        except ConnectionClosed as error:
            self._note("lost", error.rcvd.code if error.rcvd else 1006)

    def _take(self, text: str) -> None:
        client, _, number = text.partition(" ")
        if int(client) != self._number:
            raise ValueError(f"client {self._number} got {text!r}")
        if int(number) in self._due:
            del self._due[int(number)]
            self._note("reply", number)
        if not self._due:
            self._nothing_due.set()

    def _note(self, kind: str, detail: object = "") -> None:
        self._log.write(f"{monotonic():.6f} {kind} {self._number} {detail}\n")


async def load(address: str, count: int, log: TextIO) -> None:
    """Run the clients until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clients = [Client(number, address, log, stop) for number in range(count)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    await stop.wait()
    done, late = await asyncio.wait(tasks, timeout=_LAST_REPLIES_SECONDS)
    for client in clients:
        client.end()
    for task in late:
        task.cancel()
    for task in done:
        task.result()


if __name__ == "__main__":
    with open(sys.argv[3], "w", buffering=1) as events:
        asyncio.run(load(sys.argv[1], int(sys.argv[2]), events))
