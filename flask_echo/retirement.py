"""gunicorn's master tells its workers why they stop, and goes on while they drain.

A worker gets the same signal if the whole server stops, if a reload replaces it, and if somebody
sends it from outside. It takes its time only if the master has stopped it.

gunicorn counts a worker until its process has ended, because that takes seconds. A drain may take
an hour. Until then gunicorn would replace no worker that dies, and after a reload its master would
heed no signal.

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_echo.siblings import Siblings

# The signals with which the master asks a worker to stop.
_STOPS = {signal.SIGTERM, signal.SIGQUIT}


def guide_workers(server: Any, siblings: Siblings) -> None:
    """Change the master in these two points.

    :param server: gunicorn's arbiter.
    :param siblings: its workers.
    """
    retirement = Retirement(server, siblings)
    server.kill_worker = retirement.kill_worker
    server.manage_workers = retirement.manage_workers
    server.reload = retirement.reload
    server.stop = retirement.stop
    siblings.are_told = True


class Retirement:
    """The workers of a master that it has told to stop. Each method replaces one of the arbiter's.

    :param server: gunicorn's arbiter.
    :param siblings: its workers.
    """

    def __init__(self, server: Any, siblings: Siblings) -> None:
        self._server = server
        self._siblings = siblings
        self._socket_stays = _has_passed_socket()
        self._kill, self._manage = server.kill_worker, server.manage_workers
        self._reload, self._stop = server.reload, server.stop
        self._retired: set[int] = set()  # their process ids
        # Those that the arbiter does not see at the moment.
        self._hidden: dict[int, Any] = {}
        self._is_reloading = False

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a signal to a worker. Before one that stops it, note that the master does so."""
        if sig in _STOPS and (worker := self._server.WORKERS.get(pid)) is not None:
            self._retired.add(pid)
            self._siblings.retire(worker.age, sig)
        self._kill(pid, sig)

    def manage_workers(self) -> None:
        """Start and stop workers until their number is right, without those that stop already."""
        if not self._server.reexec_pid:  # SIGUSR2 may have failed.
            self._siblings.take_back()
        self._hide()
        try:
            self._manage()
        finally:
            if self._is_reloading:
                self._hide()
            else:
                self._show()

    def reload(self) -> None:
        """Replace the workers. The arbiter does not see the old ones, so it does not wait."""
        with self._reloading():
            self._reload()

    def stop(self, graceful: bool = True) -> None:
        """Stop every worker. Tell them whether another gunicorn serves the same sockets."""
        if self._server.reexec_pid or self._parent_serves():
            self._siblings.hand_over()
        else:
            self._siblings.stop_all()
            if self._socket_stays:
                self._siblings.hand_over()
        self._stop(graceful)

    def _parent_serves(self) -> bool:
        """Return whether the gunicorn that has started this one with SIGUSR2 is still there."""
        return bool(self._server.master_pid) and self._server.master_pid == os.getppid()

    @contextmanager
    def _reloading(self) -> Iterator[None]:
        self._is_reloading = True
        try:
            yield
        finally:
            self._is_reloading = False
            self._show()

    def _hide(self) -> None:
        workers = self._server.WORKERS
        self._retired &= workers.keys() | self._hidden.keys()
        for pid in self._retired & workers.keys():
            self._hidden[pid] = workers.pop(pid)

    def _show(self) -> None:
        self._server.WORKERS.update(self._hidden)
        self._hidden.clear()


def _has_passed_socket() -> bool:
    """Return whether systemd has passed the socket, and keeps it; sd_listen_fds(3).

    After the delay, a stopping worker then accepts nobody: clients wait in the socket, and the next
    master serves them. Otherwise they would get 503 in a restart. gunicorn removes the variable
    when it takes the socket.
    """
    return os.environ.get("LISTEN_PID") == str(os.getpid())
