"""Extensions: how a client offers them (RFC 6455, section 9.1), and which offer is accepted.

The one extension here is permessage-deflate (RFC 7692).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from flask_echo.websocket.headers import TOKEN

_QUOTED = r'"(?:[^"\\]|\\.)*"'
# One parameter of an extension offer (RFC 6455, section 9.1).
_PARAMETER = rf"\s*;\s*({TOKEN})(?:\s*=\s*({TOKEN}|{_QUOTED}))?"
_OFFER = re.compile(rf"[\s,]*({TOKEN})((?:{_PARAMETER})*)\s*(?:,|$)")
_PARAMETERS = re.compile(_PARAMETER)

DEFLATE = "permessage-deflate"
# RFC 7692, section 7.1.2: without leading zeros.
_WINDOW_BITS = {str(bits) for bits in range(8, 16)}


class Offer(NamedTuple):
    """One element of ``Sec-WebSocket-Extensions``; a parameter without a value has None."""

    name: str
    parameters: list[tuple[str, str | None]]


def parse_offers(header: str) -> list[Offer]:
    """Parse ``Sec-WebSocket-Extensions`` (RFC 6455, section 9.1).

    :raises ValueError: where the text leaves the grammar, or the value of a window is no number.
    """
    offers = []
    at, end = 0, len(header.rstrip(" \t,"))
    while at < end:
        match = _OFFER.match(header, at)
        if match is None:
            raise ValueError(f"cannot be read from {header[at : at + 40]!a} on")
        found = _PARAMETERS.findall(match[2])
        offers.append(Offer(match[1].lower(), [(name.lower(), _value(v)) for name, v in found]))
        at = match.end()
    for offer in offers:
        _check_windows(offer)
    return offers


def _value(text: str) -> str | None:
    """The value of a parameter, its quotes taken off."""
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text or None


def _check_windows(offer: Offer) -> None:
    for name, value in offer.parameters:
        windows = offer.name == DEFLATE and name.endswith("_max_window_bits")
        if windows and value is not None and not re.fullmatch("[0-9]+", value):
            raise ValueError(f"{name} must be a number, not {value[:40]!a}")


# The check of a request and the negotiation both ask. The handshake limits the size of a header, so
# the cache takes at most half a megabyte.
@lru_cache(maxsize=64)
def acceptable_offer(header: str) -> str | None:
    """Choose the first offer of permessage-deflate that this server can accept.

    An offer with unknown, repeated or impossible parameters is declined, which is no error
    (RFC 7692, section 7.1). Window bits of 8 are declined for the server, because zlib has no
    such raw window, and ignored for the client, where they are a hint.

    :return: the offer, in the one spelling that wsproto reads right; None if there is none.
    :raises ValueError: as :func:`parse_offers` does.
    """
    for offer in parse_offers(header):
        parameters = dict(offer.parameters)
        possible = all(_is_possible(name, value) for name, value in offer.parameters)
        if offer.name == DEFLATE and possible and len(parameters) == len(offer.parameters):
            return _spell(parameters)
    return None


def _is_possible(name: str, value: str | None) -> bool:
    if name in ("client_no_context_takeover", "server_no_context_takeover"):
        return value is None
    if name == "client_max_window_bits":
        return value is None or value in _WINDOW_BITS
    return name == "server_max_window_bits" and value in _WINDOW_BITS - {"8"}


def _spell(parameters: Mapping[str, str | None]) -> str:
    spelled = [DEFLATE]
    for name, value in parameters.items():
        if (name, value) != ("client_max_window_bits", "8"):
            spelled.append(name if value is None else f"{name}={value}")
    return "; ".join(spelled)
