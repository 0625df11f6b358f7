"""Waiting for a condition, with a deadline and never without a reason."""

from collections.abc import Callable
from time import monotonic, sleep


def wait_until(
    condition: Callable[[], object], seconds: float = 10, describe: Callable[[], str] = str
) -> None:
    """Return as soon as ``condition()`` is true.

    :raises AssertionError: after ``seconds``, with what ``describe()`` says.
    """
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition!r} {describe()}")
        sleep(0.02)
