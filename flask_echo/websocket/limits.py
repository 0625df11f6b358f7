"""The limits and time-outs of WebSocket connections, and where their values come from.

gunicorn's master imports this module before it forks its workers. Apart from
:mod:`flask_echo.websocket.options`, it must not import the library: a reload (SIGHUP) does not load
again the modules that the master has imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from flask import Config

from flask_echo.websocket.options import (
    SWITCH,
    Kind,
    OptionError,
    checked,
    kinds,
    number,
    option,
    whole_number,
)

PREFIX = "FLASK_ECHO"


def _origin(text: str) -> str:
    """Check one serialized origin (RFC 6454, section 6.2) and return it in lower case."""
    parts = urlsplit(text)
    bare = f"{parts.scheme}://{parts.netloc}" == text and parts.hostname and parts.port != 0
    if text != "null" and (not bare or "@" in text or " " in text):
        raise ValueError(text)
    # Browsers leave out the port that the scheme implies.
    return text.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, " "))


def _origins(value: Any) -> frozenset[str] | None:
    """Parse a list of origins; None stands for ``*``, every origin."""
    try:
        texts = [text.strip() for text in (value.split(",") if isinstance(value, str) else value)]
    except (AttributeError, TypeError):
        raise ValueError(value) from None
    if texts == ["*"]:
        return None
    if not texts:
        raise ValueError(value)
    return frozenset(map(_origin, texts))


ORIGINS = Kind(_origins, "* or a comma-separated list of origins: https://example.org:8443, null")


@dataclass(frozen=True)
class Limits:
    """Checked limits and time-outs; the README has a table of them.

    Each field is also an environment variable: ``FLASK_ECHO_`` and its name in capital letters.
    """

    max_connections: int = option(1000, whole_number(1, 100_000, "seats per worker"))
    # 1 MiB; for comparison: websockets and ws (Node.js) allow 1 MiB and 100 MiB.
    max_message_bytes: int = option(2**20, whole_number(1, 2**30, "bytes"))
    # None: what the memory of this machine or container leaves for messages.
    max_buffered_bytes: int | None = option(None, whole_number(1, 2**40, "bytes"))
    ping_interval_seconds: float = option(20.0, number(0, 3600, "seconds"))
    ping_timeout_seconds: float = option(20.0, number(0.1, 3600, "seconds"))
    send_timeout_seconds: float = option(20.0, number(0.1, 3600, "seconds"))
    close_timeout_seconds: float = option(5.0, number(0.1, 60, "seconds"))
    # For both, 0 is at once. Kubernetes and load balancers need some seconds to look elsewhere.
    drain_delay_seconds: float = option(0.0, number(0, 300, "seconds"))
    drain_spread_seconds: float = option(0.0, number(0, 3600, "seconds"))
    allowed_origins: frozenset[str] | None = option(None, ORIGINS)
    # For these four, 0 is no limit. The longest times are a day and a week.
    max_connections_per_client: int = option(0, whole_number(0, 100_000, "seats per worker"))
    max_handshakes_per_second_per_client: int = option(
        0, whole_number(0, 10_000, "upgrade requests per worker")
    )
    idle_timeout_seconds: float = option(0.0, number(0, 86_400, "seconds"))
    max_lifetime_seconds: float = option(0.0, number(0, 604_800, "seconds"))
    compression: bool = option(True, SWITCH)

    def __post_init__(self) -> None:
        if self.max_buffered_bytes is not None and self.max_buffered_bytes < self.max_message_bytes:
            raise OptionError(
                f"MAX_BUFFERED_BYTES={self.max_buffered_bytes} is not allowed: use a whole number"
                f" of bytes from MAX_MESSAGE_BYTES, which is {self.max_message_bytes}"
            )

    @classmethod
    def from_environment(cls) -> Self:
        """Read this class's fields from the environment. Other variables are not looked at.

        :raises OptionError: if a value is not allowed.
        """
        known = variables(cls)
        values = {name: value for name, value in environment().items() if name in known}
        return cls(**checked_environment(known, values))


class DrainTimes(NamedTuple):
    """How much time a drain takes, in seconds.

    :ivar delay: until new connections are refused.
    :ivar spread: from then on, until the last open one is asked to close.
    :ivar closing: for one closing handshake.
    """

    delay: float
    spread: float
    closing: float


def variables(limits: type[Limits]) -> dict[str, Kind]:
    """Return the names of the environment variables of ``limits``, without prefix."""
    return {name.upper(): kind for name, kind in kinds(limits).items()}


# Defaults that this process lowers; see lower_default.
_lowered: dict[str, Any] = {}


def lower_default(name: str, value: Any) -> None:
    """Let ``value`` hold wherever the environment variable ``name`` is not set.

    gunicorn's master calls this before it forks its workers. It does not set the variable: a new
    master, which SIGUSR2 starts, would take the value for one that the user has set.

    :param name: without prefix.
    """
    _lowered[name] = value


def environment() -> dict[str, Any]:
    """Return the environment variables with our prefix, keyed without the prefix.

    A default that :func:`lower_default` has set counts as a variable.

    :raises OptionError: if a name has two underscores in a row.
    """
    config = Config("")
    try:
        config.from_prefixed_env(PREFIX)
    except TypeError:  # Flask reads two underscores as a key within a key.
        raise OptionError(f"{PREFIX}_: no setting has __ in its name") from None
    # Flask reads values as JSON, so that the origin null arrives as None.
    values = {name: "null" if value is None else value for name, value in config.items()}
    return {**_lowered, **values}


def checked_environment(known: Mapping[str, Kind], values: Mapping[str, Any]) -> dict[str, Any]:
    """Check ``values`` and return them by the name of their field.

    :raises OptionError: if a name is unknown or a value is not allowed.
    """
    return {
        name.lower(): checked(known, name, value, shown(known, f"{PREFIX}_", name, value))
        for name, value in values.items()
    }


def shown(known: Mapping[str, Kind], prefix: str, name: str, value: Any) -> str:
    """Return a setting as an error shows it.

    The value of an unknown name is left out. It may be a password: the name may be a misspelt one.
    """
    return f"{prefix}{name}={value!r}" if name in known else f"{prefix}{name}"
