"""Is this a good upgrade request, and if not, why? (RFC 6455, section 4.2.1)

Everything is judged here, before the first byte of an answer is written, so that a client
gets a real HTTP error with words that its owner can act on.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

VERSION = "13"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# One parameter of an extension offer (section 9.1).
_PARAMETER = rf"\s*;\s*({_TOKEN})(?:\s*=\s*({_TOKEN}|{_QUOTED}))?"
_OFFER = re.compile(rf"[\s,]*({_TOKEN})((?:{_PARAMETER})*)\s*(?:,|$)")
_PARAMETERS = re.compile(_PARAMETER)

DEFLATE = "permessage-deflate"
# RFC 7692, section 7.1.2: without leading zeros.
_WINDOW_BITS = {str(bits) for bits in range(8, 16)}


@dataclass(frozen=True)
class Refusal:
    """Why there will be no WebSocket: an HTTP status, headers, and words.

    :param arrived: what was wrong with the request, in a sentence.
    :param cure: what usually causes that, and what to do.
    """

    status: int
    arrived: str
    cure: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Offer(NamedTuple):
    """One element of ``Sec-WebSocket-Extensions``; a parameter without a value has None."""

    name: str
    parameters: list[tuple[str, str | None]]


def is_attempt(environ: Mapping[str, Any]) -> bool:
    """Whether this asks for a WebSocket, well or badly; for addresses that are pages too."""
    return "websocket" in environ.get("HTTP_UPGRADE", "").lower() or any(
        key.startswith("HTTP_SEC_WEBSOCKET_") for key in environ
    )


def check(environ: Mapping[str, Any], allowed_origins: frozenset[str] | None) -> Refusal | None:
    """Return None for a good upgrade request, else the reason to refuse it.

    :param environ: the WSGI environment of the request.
    :param allowed_origins: serialized origins in lower case; None allows all.
    """
    for step in (_check_get, _check_upgrade, _check_version, _check_key, _check_fields):
        refusal = step(environ)
        if refusal is not None:
            return refusal
    return _check_origin(environ, allowed_origins)


def _check_get(environ: Mapping[str, Any]) -> Refusal | None:
    method = environ["REQUEST_METHOD"]
    return None if method == "GET" else wrong_method(method)


def wrong_method(method: str) -> Refusal:
    """The reason to refuse any method but GET (RFC 6455, section 4.1, item 2)."""
    return Refusal(
        405,
        f"The method was {ascii(method[:40])[1:-1]}; this address speaks WebSocket only.",
        "A WebSocket starts with GET; use a WebSocket client.",
        {"Allow": "GET"},
    )


def _upgrade_required(arrived: str, cure: str) -> Refusal:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": VERSION,
    }
    return Refusal(426, arrived, cure, headers)


def _check_upgrade(environ: Mapping[str, Any]) -> Refusal | None:
    """Items 1, 3 and 4 of the list in section 4.2.1."""
    upgrade, connection = (environ.get(f"HTTP_{name}", "") for name in ("UPGRADE", "CONNECTION"))
    if environ.get("SERVER_PROTOCOL") in ("HTTP/0.9", "HTTP/1.0"):
        return _upgrade_required(
            f"The request was {environ['SERVER_PROTOCOL']}; a WebSocket needs HTTP/1.1.",
            "Usually a proxy speaks HTTP/1.0 to this server (nginx: proxy_http_version 1.1).",
        )
    if "websocket" not in _tokens(upgrade) or "upgrade" not in _tokens(connection):
        return _upgrade_required(
            "This address speaks WebSocket. It needs the headers 'Connection: Upgrade' and"
            f" 'Upgrade: websocket'; what arrived was {_shown('Connection', connection)}"
            f" and {_shown('Upgrade', upgrade)}.",
            _upgrade_cure(environ),
        )
    return None


def _upgrade_cure(environ: Mapping[str, Any]) -> str:
    if "HTTP_SEC_WEBSOCKET_KEY" in environ:
        return (
            "The client asked for a WebSocket (a Sec-WebSocket-Key arrived), so something in"
            " between dropped the hop-by-hop headers. A proxy must pass them on; nginx:"
            " proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
        )
    return "Open this address with a WebSocket client, not as a page; the page is at /."


def _check_version(environ: Mapping[str, Any]) -> Refusal | None:
    version = environ.get("HTTP_SEC_WEBSOCKET_VERSION", "").strip()
    if version == VERSION:
        return None
    return _upgrade_required(
        f"The protocol version must be 13; {_shown('Sec-WebSocket-Version', version)} arrived.",
        "Use a client that implements RFC 6455 (every browser since 2012 does).",
    )


def _check_key(environ: Mapping[str, Any]) -> Refusal | None:
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "").strip()
    try:
        good = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        good = False
    if good:
        return None
    return Refusal(
        400,
        f"Sec-WebSocket-Key must be 16 bytes in base64; {_shown('Sec-WebSocket-Key', key)}"
        " arrived.",
        "A client makes a fresh random key for each connection (RFC 6455, section 4.1, item 7).",
    )


def _check_fields(environ: Mapping[str, Any]) -> Refusal | None:
    """What else can be malformed: host, body, subprotocols, extensions."""
    if not environ.get("HTTP_HOST"):
        return Refusal(400, "The Host header is missing.", "HTTP/1.1 requires it (RFC 9112, 3.2).")
    if environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        return Refusal(
            400,
            "The request has a body, and its bytes would be taken for WebSocket frames.",
            "Send the upgrade request without Content-Length and Transfer-Encoding.",
        )
    protocols = environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "")
    if not all(re.fullmatch(_TOKEN, name) for name in elements(protocols)):
        return Refusal(
            400,
            f"Malformed subprotocols: {_shown('Sec-WebSocket-Protocol', protocols)} arrived.",
            "Each must be a token, separated by commas (RFC 6455, section 4.1, item 10).",
        )
    try:
        parse_offers(environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", ""))
    except ValueError as error:
        return Refusal(
            400,
            f"Malformed Sec-WebSocket-Extensions: {error}.",
            "Offer extensions as in 'permessage-deflate; client_max_window_bits' (RFC 7692).",
        )
    return None


def _check_origin(environ: Mapping[str, Any], allowed: frozenset[str] | None) -> Refusal | None:
    """Section 10.2; a client that is no browser sends no origin, and nothing would be gained."""
    origin = environ.get("HTTP_ORIGIN")
    if allowed is None or origin is None or origin.strip().lower() in allowed:
        return None
    return Refusal(
        403,
        f"Pages from this origin may not connect: {_shown('Origin', origin)} arrived.",
        "If they should, add the origin to FLASK_ECHO_ALLOWED_ORIGINS.",
    )


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


def acceptable_offer(header: str) -> str | None:
    """Choose the first offer of permessage-deflate that this server can accept.

    An offer with unknown, repeated or impossible parameters is declined, which is no error
    (RFC 7692, section 7.1). Window bits of 8 are declined for the server, because zlib has no
    such raw window, and ignored for the client, where they are a hint.

    :param header: a header that :func:`check` found good.
    :return: the offer, in the one spelling that wsproto reads right; None if there is none.
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


def elements(header: str) -> list[str]:
    """The elements of a comma-separated list, empty ones left out (RFC 9110, section 5.6.1)."""
    return [element.strip() for element in header.split(",") if element.strip()]


def _tokens(header: str) -> list[str]:
    return [element.lower() for element in elements(header)]


def _shown(name: str, value: str) -> str:
    """A header as words that are safe in any answer and any log."""
    return f"'{name}: {ascii(value[:80])[1:-1]}'" if value else f"no {name}"
