"""The faults that a client can ask for, in the query of its address.

A query such as ``delay=2&close=4001&after=3`` becomes :class:`Faults`, or an error that says what
is allowed.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask_echo.websocket.frames import MAX_REASON_BYTES, may_be_sent
from flask_echo.websocket.headers import TOKEN, printable
from flask_echo.websocket.options import (
    Kind,
    OptionError,
    checked,
    kinds,
    number,
    option,
    whole_number,
)


def _off(text: str) -> bool:
    if text != "off":
        raise ValueError(text)
    return False


def _without_value(text: str) -> bool:
    if text:
        raise ValueError(text)
    return True


def _close_code(text: str) -> int:
    code = int(whole_number(0, 4999, "").parse(text))
    if not may_be_sent(code):
        raise ValueError(text)
    return code


def _reason(text: str) -> str:
    if len(text.encode()) > MAX_REASON_BYTES:
        raise ValueError(text)
    return text


def _token(text: str) -> str:
    if not re.fullmatch(TOKEN, text):
        raise ValueError(text)
    return text


_SECONDS = number(0, 60, "seconds")
_COUNT = whole_number(0, 1_000_000, "messages")


@dataclass(frozen=True)
class Faults:
    """The faults of one connection. The defaults are none at all.

    The first three concern the upgrade, the others the conversation. Times are in seconds.
    """

    ping: bool = option(True, Kind(_off, "off: the server sends no pings"))
    compress: bool = option(True, Kind(_off, "off: the server declines compression"))
    subprotocol: str | None = option(
        None, Kind(_token, "a token (RFC 9110): the server picks it if the client offers it")
    )
    delay: float = option(0.0, _SECONDS._replace(allowed=f"{_SECONDS.allowed}, before each reply"))
    jitter: float = option(
        0.0, _SECONDS._replace(allowed=f"{_SECONDS.allowed}: a random extra delay up to this")
    )
    close: int | None = option(
        None,
        Kind(_close_code, "a close code from 1000 to 1003, 1007 to 1014 or 3000 to 4999"),
    )
    reason: str = option("", Kind(_reason, f"up to {MAX_REASON_BYTES} bytes of UTF-8, for close"))
    after: int = option(0, _COUNT._replace(allowed=f"{_COUNT.allowed}: replies before close"))
    drop: int | None = option(
        None, _COUNT._replace(allowed=f"{_COUNT.allowed}: replies before a TCP reset")
    )
    mute: bool = option(
        False,
        Kind(_without_value, "mute without a value: the server answers nothing"),
    )
    push: float | None = option(
        None,
        number(0.01, 60, "seconds")._replace(
            allowed="a number of seconds from 0.01 to 60, between two periodic messages"
        ),
    )

    @cached_property
    def concern_the_upgrade_only(self) -> bool:
        """Whether the conversation is the usual one."""
        return self == Faults(**{name: getattr(self, name) for name in AT_UPGRADE})


# The options that concern the upgrade.
AT_UPGRADE = ("ping", "compress", "subprotocol")

_KINDS = kinds(Faults)

# What each option allows, in words.
ALLOWED: dict[str, str] = {name: kind.allowed for name, kind in _KINDS.items()}


def parse(query: Iterable[tuple[str, str]], allowed: Collection[str]) -> Faults:
    """Parse the names and values of a query.

    :param allowed: the names of the options that may be used.
    :raises OptionError: if a name, a value or a combination is not allowed.
    """
    values: dict[str, Any] = {}
    for name, text in query:
        if name in values:
            raise OptionError(f"{name} is there twice")
        shown = f"{printable(name, 80)}={printable(text, 80)}"
        values[name] = checked({name: _KINDS[name] for name in allowed}, name, text, shown)
    _check_combination(set(values))
    return Faults(**values)


def _check_combination(names: set[str]) -> None:
    endings = [name for name in ("close", "drop", "mute") if name in names]
    if len(endings) > 1:
        raise OptionError(f"{endings[0]} and {endings[1]} exclude each other")
    for name in ("delay", "jitter", "push"):
        if {"mute", name} <= names:
            raise OptionError(f"mute and {name} exclude each other")
    for name in ("reason", "after"):
        if name in names and "close" not in names:
            raise OptionError(f"{name} needs close")
