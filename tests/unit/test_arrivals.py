"""Errors of accept(2): the worker survives them, and says which ones hurt."""

import errno
import os
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from flask_echo.worker import LongConnectionWorker

TRANSIENT = [
    errno.EAGAIN,
    errno.ECONNABORTED,
    errno.EINTR,
    errno.ENETDOWN,
    errno.EPROTO,
    errno.ENOPROTOOPT,
    errno.EHOSTDOWN,
    errno.ENONET,
    errno.EHOSTUNREACH,
    errno.EOPNOTSUPP,
    errno.ENETUNREACH,
    errno.EPERM,
]
EXHAUSTED = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


class FakeListener:
    """Fails each time it is asked for a connection."""

    def __init__(self, number: int) -> None:
        self._number = number

    def accept(self) -> Any:
        raise OSError(self._number, os.strerror(self._number))


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def worker(warnings: list[str]) -> Any:
    log = SimpleNamespace(warning=lambda text, *args: warnings.append(text % args))
    worker: Any = LongConnectionWorker(1, os.getpid(), [], None, 30, Config(), log)
    yield worker
    worker.tmp.close()


@pytest.mark.parametrize("number", TRANSIENT, ids=errno.errorcode.get)
def test_a_transient_error_of_accept_changes_nothing(
    worker: Any, warnings: list[str], number: int
) -> None:
    worker.accept(FakeListener(number))
    assert worker.can_accept()
    assert warnings == []


@pytest.mark.parametrize("number", EXHAUSTED, ids=errno.errorcode.get)
def test_without_descriptors_or_memory_accepting_pauses_and_one_line_says_so(
    worker: Any, warnings: list[str], number: int
) -> None:
    for _ in range(3):
        worker.accept(FakeListener(number))
    assert not worker.can_accept()
    assert len(warnings) == 1
    assert os.strerror(number) in warnings[0]


def test_an_error_of_the_listener_itself_is_raised(worker: Any) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        worker.accept(FakeListener(errno.EBADF))
