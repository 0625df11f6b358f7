"""Machines of our own: network namespaces on one bridge, which vanish with this process.

This process must have a network namespace of its own; see :func:`enter`. The bridge is in it, and
so is the balancer. Their addresses are those that RFC 2544 sets aside for benchmarks.
"""

import os
import subprocess
import sys
from typing import NoReturn

from tests.support.waiting import wait_until

BRIDGE = "br0"
_NET = "198.18.0."
BALANCER = f"{_NET}1"
_MARK = "ROLL_NAMESPACE"

# The holder of a namespace ends with this process, and the namespace ends with its holder.
_HOLDER = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]


def enter(module: str, arguments: list[str]) -> None:
    """Run this command again in a network namespace of its own, unless it already is in one."""
    if os.environ.get(_MARK) == str(os.getpid()):
        return
    os.environ[_MARK] = str(os.getpid())  # unshare and exec keep the process.
    _become(["unshare", "--net", sys.executable, "-m", module, *arguments])


def _become(words: list[str]) -> NoReturn:
    os.execvp(words[0], words)


def make_bridge() -> None:
    """Make the bridge, with the balancer's address on it."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("address", "add", f"{BALANCER}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


class Machine:
    """A network namespace with one address, connected to the bridge.

    :param number: from 1 on.
    """

    def __init__(self, number: int) -> None:
        self.address = f"{_NET}{10 + number}"
        self._holder = subprocess.Popen(_HOLDER)
        self._enter = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]
        self._outside, inside = f"host{number}", "eth0"
        _await_namespace(self._holder.pid)
        _ip("link", "add", self._outside, "type", "veth", "peer", "name", inside,
            "netns", str(self._holder.pid))  # fmt: skip
        _ip("link", "set", self._outside, "master", BRIDGE, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{self.address}/24", "dev", inside),
            ("link", "set", inside, "up"),
        ):
            subprocess.run(self.words(["ip", *words]), check=True)

    def cut(self) -> None:
        """Take the link down, as if somebody pulled the cable. No connection ends by that."""
        _ip("link", "set", self._outside, "down")

    def mend(self) -> None:
        """Take the link up again."""
        _ip("link", "set", self._outside, "up")

    def words(self, command: list[str]) -> list[str]:
        """Return the command that runs ``command`` on this machine."""
        return [*self._enter, *command]

    def close(self) -> None:
        """Give the namespace up."""
        self._holder.kill()
        self._holder.wait()


def _await_namespace(pid: int) -> None:
    ours = os.readlink("/proc/self/ns/net")
    wait_until(lambda: os.readlink(f"/proc/{pid}/ns/net") != ours)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
