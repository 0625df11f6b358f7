"""A network of its own, whose only device is loopback (network_namespaces(7))."""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.support.required import give_up

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000  # sched.h
_SIOCSIFFLAGS = 0x8914  # netdevice(7)
_IFF_UP = 0x1


def isolated(run: Callable[[], T]) -> T:
    """Run a function in a thread that has a network of its own, and return what it returns.

    Programs that the function starts inherit this network. The rest of this process keeps its own.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_leave_and, run).result()


def _leave_and(run: Callable[[], T]) -> T:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        give_up(f"a network of its own needs rights: {os.strerror(ctypes.get_errno())}")
    with socket.socket() as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    return run()
