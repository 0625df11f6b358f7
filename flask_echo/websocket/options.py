"""Checked options: fields of a dataclass that know which values they allow.

Limits, settings and simulated faults declare their fields with :func:`option`. Each field then has
a parser and a text that says which values are allowed, so that every error can name both.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, NamedTuple

# How much of a bad value an error repeats, in characters.
_LONGEST_SHOWN = 200
# A user with a password in a URL. No error may repeat them. Also a password that should have been
# percent-encoded ends at the last "@".
_PASSWORD = re.compile(r"://[^@]*:.*@", re.DOTALL)


class OptionError(ValueError):
    """An option is unknown, or its value is not allowed. The text is one line."""


class Kind(NamedTuple):
    """The values that an option allows.

    :ivar parse: returns the checked value; raises :class:`ValueError` for any other.
    :ivar allowed: the allowed values in words, to follow "use".
    :ivar secret: whether a value may hold a password. No error shows it, nor does the dataclass.
    """

    parse: Callable[[Any], Any]
    allowed: str
    secret: bool = False


def option(default: Any, kind: Kind) -> Any:
    """Declare a field of a dataclass, with its default and the values that it allows."""
    return field(default=default, repr=not kind.secret, metadata={"kind": kind})


def kinds(options: type) -> dict[str, Kind]:
    """Return the kind of each field of a dataclass that was declared with :func:`option`."""
    return {f.name: f.metadata["kind"] for f in fields(options)}


def checked(kinds: Mapping[str, Kind], name: str, value: Any, shown: str) -> Any:
    """Return ``value`` as the option ``name`` takes it.

    :param kinds: the options that exist.
    :param shown: name and value as the user wrote them, for the error.
    :raises OptionError: if there is no such option, or it does not allow the value.
    """
    shown = _PASSWORD.sub("://...@", shown)
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
    if name not in kinds:
        raise OptionError(f"{shown}: no such option; there are {', '.join(sorted(kinds))}")
    try:
        return kinds[name].parse(value)
    except (ValueError, OverflowError):
        if kinds[name].secret:
            shown = f"{shown.partition('=')[0]}=..."
        raise OptionError(f"{shown} is not allowed: use {kinds[name].allowed}") from None


def number(low: float, high: float, unit: str) -> Kind:
    """Allow numbers from ``low`` to ``high``, both included."""
    return Kind(
        lambda value: _in_range(float(_numeric(value)), low, high),
        f"a number of {unit} from {low:g} to {high:.10g}",
    )


def whole_number(low: int, high: int, unit: str) -> Kind:
    """Allow whole numbers from ``low`` to ``high``, both included."""

    def parse(value: Any) -> int:
        numeric = _numeric(value)
        if numeric != numeric // 1 or (isinstance(value, str) and "." in value):
            raise ValueError(value)  # NaN is unequal to everything.
        return int(_in_range(numeric, low, high))

    return Kind(parse, f"a whole number of {unit} from {low} to {high}")


def _numeric(value: Any) -> float:
    """A number, or a text in plain decimal notation. bool is an int to Python, but not here."""
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int | float):
        return value
    # float() would also take 1_0, 1e1, nan and the digits of every script.
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,9})?", value):
        return float(value)
    raise ValueError(value)


def _in_range(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


_SWITCH = {"true": True, "1": True, "yes": True, "on": True}
_SWITCH |= {"false": False, "0": False, "no": False, "off": False}


def _switch(value: Any) -> bool:
    try:
        return _SWITCH[str(value).strip().lower()]
    except KeyError:
        raise ValueError(value) from None


SWITCH = Kind(_switch, "true or false")
