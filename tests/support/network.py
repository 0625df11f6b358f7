"""A network of a test's own, in which all ports are free: loopback and nothing else."""

import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.required import give_up, program

# sched.h
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def own_network() -> Iterator[None]:
    """Move this thread into a new network namespace, for the block.

    Sockets that it opens and processes that it starts are in the namespace, whose ports are all
    free. The namespace goes with the last of them. Other threads stay where they are.
    """
    ip = program("ip")
    before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(_CLONE_NEWNET):
            give_up(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run([ip, "link", "set", "lo", "up"], check=True, timeout=10)
            yield
        finally:
            if _libc.setns(before, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot leave the network namespace")
    finally:
        os.close(before)
