"""A real Redis, as several machines would share it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.products.product import listens
from tests.support.required import program
from tests.support.servers import free_port
from tests.support.waiting import wait_until

PASSWORD = "s3cret"


class Redis(NamedTuple):
    """A server that runs.

    :ivar url: its address, with the password.
    """

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def running_redis(place: Path) -> Iterator[Redis]:
    """Run a Redis that keeps nothing.

    :param place: its folder.
    """
    port = free_port()
    words = [program("redis-server"), "--bind", "127.0.0.1", "--port", str(port)]
    options = ["--save", "", "--dir", str(place), "--requirepass", PASSWORD]
    process = subprocess.Popen([*words, *options], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port))
        yield Redis(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", process)
    finally:
        process.kill()
        process.wait()
