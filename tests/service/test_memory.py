"""Memory goes back to the system when clients with large messages have left."""

import os
import platform
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from tests.support.clients import health, raw
from tests.support.servers import StartServer
from tests.support.waiting import wait_until
from tests.support.workers import worker_of

pytestmark = pytest.mark.slow

SIZE = 16 * 2**20
CLIENTS = 100
SENDING = 8  # at once

# A binary frame with a mask of zeros.
MESSAGE = b"\x82\xff" + SIZE.to_bytes(8, "big") + bytes(4) + random.Random(1).randbytes(SIZE)


def resident(pid: int) -> int:
    """The memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def exchange(sock: socket.socket) -> None:
    """Send the message, and read the whole reply."""
    sock.settimeout(60)
    sender = Thread(target=sock.sendall, args=(MESSAGE,))
    sender.start()
    due = SIZE + 10
    while due > 0:
        data = sock.recv(min(due, 2**20))
        assert data
        due -= len(data)
    sender.join()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_memory_returns_after_clients_with_large_messages(start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_MESSAGE_BYTES=SIZE, COMPRESSION=False)
    worker = worker_of(server)
    before = resident(worker)
    with ExitStack() as stack:
        sockets = [stack.enter_context(raw(server)).sock for _ in range(CLIENTS)]
        with ThreadPoolExecutor(SENDING) as pool:
            list(pool.map(exchange, sockets))
    wait_until(lambda: health(server)["connections"] == 0, 20)
    wait_until(lambda: resident(worker) < 2 * before, 10, lambda: f"{resident(worker):,}")
