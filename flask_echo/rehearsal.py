"""Rehearsals: how a client wants to be treated, as it says in the query of its address.

A query such as ``delay=2&close=4001&after=3`` becomes a :class:`Rehearsal`, or an error that
lists what is allowed. Nothing of this project is imported.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

# Codes that a Close frame may carry (RFC 6455, section 7.4; 1012 to 1014 are registered later).
_CLOSE_CODES = (range(1000, 1004), range(1007, 1015), range(3000, 5000))

# A Close frame has 125 bytes, two of which are the code (sections 5.5 and 5.5.1).
_REASON_BYTES = 123

_TOKEN = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class RehearsalError(ValueError):
    """A query asks for what there is not; the text says what was wrong."""


Parse = Callable[[str], Any]


def _option(default: Any, parse: Parse, allowed: str) -> Any:
    return field(default=default, metadata={"parse": parse, "allowed": allowed})


def _off(text: str) -> bool:
    if text != "off":
        raise ValueError
    return False


def _empty(text: str) -> bool:
    if text:
        raise ValueError
    return True


def _number(low: float, high: float) -> Parse:
    """A parser of decimal numbers from ``low`` to ``high``, both allowed."""

    def parse(text: str) -> float:
        # float() would take 1_0, 1e1, nan and the digits of every script.
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise ValueError
        return float(text)

    return parse


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 7 or int(text) > 1_000_000:
        raise ValueError
    return int(text)


def _code(text: str) -> int:
    code = _count(text)
    if not any(code in codes for codes in _CLOSE_CODES):
        raise ValueError
    return code


def _reason(text: str) -> str:
    if len(text.encode()) > _REASON_BYTES:
        raise ValueError
    return text


def _subprotocol(text: str) -> str:
    if not text or not set(text) <= _TOKEN:
        raise ValueError
    return text


_SECONDS = "seconds from 0 to 60"
_MESSAGES = "a whole number of messages from 0 to 1000000"


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal; the defaults are none at all.

    The first three are for the upgrade, the others for the conversation.
    """

    ping: bool = _option(True, _off, "off: the server sends no pings")
    compress: bool = _option(True, _off, "off: the server declines compression")
    subprotocol: str | None = _option(
        None, _subprotocol, "a token: chosen if the client offers it (RFC 6455, section 4.1)"
    )
    delay: float = _option(0.0, _number(0, 60), f"{_SECONDS} before each reply")
    jitter: float = _option(0.0, _number(0, 60), f"{_SECONDS}: up to so much more, at random")
    close: int | None = _option(
        None, _code, "a code from 1000 to 1003, 1007 to 1014 or 3000 to 4999 to close with"
    )
    reason: str = _option("", _reason, "up to 123 bytes of UTF-8 that go with close")
    after: int = _option(0, _count, f"{_MESSAGES}: how many are answered before close")
    drop: int | None = _option(
        None, _count, f"{_MESSAGES}: how many are answered before a TCP reset"
    )
    mute: bool = _option(
        False, _empty, "without a value: the server answers nothing, no ping and no close"
    )
    push: float | None = _option(
        None, _number(0.01, 60), "seconds from 0.01 to 60 between two ticks of the server"
    )

    @cached_property
    def is_plain(self) -> bool:
        """Whether the conversation is the usual one; the upgrade may still be another."""
        upgrade = {name: getattr(self, name) for name in AT_UPGRADE}
        return self == Rehearsal(**upgrade)


NONE = Rehearsal()

# Those options that an upgrade can honour, whatever is said after it.
AT_UPGRADE = ("ping", "compress", "subprotocol")

# What each option takes, in words.
ALLOWED: dict[str, str] = {f.name: f.metadata["allowed"] for f in fields(Rehearsal)}
_PARSERS: dict[str, Parse] = {f.name: f.metadata["parse"] for f in fields(Rehearsal)}


def parse(query: Iterable[tuple[str, str]], allowed: Collection[str] = ()) -> Rehearsal:
    """Read the names and values of a query.

    :param allowed: the names of options that there are to choose from.
    :raises RehearsalError: for a name, a value or a combination that there is not.
    """
    values: dict[str, Any] = {}
    for name, text in query:
        if name not in allowed:
            raise RehearsalError(f"there is no option {_shown(name)}")
        if name in values:
            raise RehearsalError(f"{name} is there twice")
        try:
            values[name] = _PARSERS[name](text)
        except ValueError:
            raise RehearsalError(f"{name}={_shown(text)}: must be {ALLOWED[name]}") from None
    _check_together(set(values))
    return Rehearsal(**values)


def _check_together(names: set[str]) -> None:
    ends = [name for name in ("close", "drop", "mute") if name in names]
    if len(ends) > 1:
        raise RehearsalError(f"{ends[0]} and {ends[1]} contradict each other")
    for name in ("delay", "jitter", "push"):
        if {"mute", name} <= names:
            raise RehearsalError(f"mute and {name} contradict each other")
    for name in ("reason", "after"):
        if name in names and "close" not in names:
            raise RehearsalError(f"{name} needs close")


def _shown(text: str) -> str:
    """What a stranger wrote, as words that are safe in any answer."""
    return ascii(text[:80])[1:-1]
