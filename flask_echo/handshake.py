"""Is this a good upgrade request, and if not, why? (RFC 6455, section 4.2.1)

Everything is judged here, before the first byte of an answer is written, so that a client
gets a real HTTP error with words that its owner can act on.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_echo.cures import PASS_UPGRADES_ON
from flask_echo.extensions import parse_offers
from flask_echo.fields import TOKEN, elements

VERSION = "13"


@dataclass(frozen=True)
class Refusal:
    """Why there will be no WebSocket: an HTTP status, headers, and words.

    :param detail: what was wrong with the request, in a sentence.
    :param culprit: who usually causes that and what to do, in a sentence or two.
    :param missing: what should have arrived and did not, as header lines.
    :param cure: what to configure, by product, where a proxy is to blame.
    :param allowed: what there is to choose from, where the choice was wrong.
    :param headers: of the answer.
    """

    status: int
    detail: str
    culprit: str
    missing: Sequence[str] = ()
    cure: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


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
        headers={"Allow": "GET"},
    )


_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": VERSION,
}


def _check_upgrade(environ: Mapping[str, Any]) -> Refusal | None:
    """Items 1, 3 and 4 of the list in section 4.2.1."""
    missing = []
    if environ.get("SERVER_PROTOCOL") in ("HTTP/0.9", "HTTP/1.0"):
        missing.append("HTTP/1.1")
    missing += [
        f"{name}: {_UPGRADE[name]}"
        for name in ("Connection", "Upgrade")
        if _UPGRADE[name].lower() not in _tokens(environ.get(f"HTTP_{name.upper()}", ""))
    ]
    if not missing:
        return None
    asked = is_attempt(environ)
    return Refusal(
        426,
        f"This address speaks WebSocket and needs {' and '.join(missing)}. What arrived was"
        f" {environ.get('SERVER_PROTOCOL')}, {_shown_header(environ, 'Connection')} and"
        f" {_shown_header(environ, 'Upgrade')}.",
        _culprit(environ, missing) if asked else _NO_CLIENT,
        missing,
        PASS_UPGRADES_ON,
        headers=_UPGRADE,
    )


_NO_CLIENT = (
    "Nothing in the request asks for a WebSocket: open this address with a WebSocket client,"
    " not as a page; the page is at /."
)


def _culprit(environ: Mapping[str, Any], missing: Sequence[str]) -> str:
    """Who kept an upgrade request from arriving as one, as far as what arrived can tell."""
    if missing[0] == "HTTP/1.1":
        reason = (
            "WebSocket clients speak HTTP/1.1, so a proxy in between speaks HTTP/1.0 to this"
            " server, as nginx does unless told otherwise."
        )
    elif missing == ["Connection: Upgrade"]:
        reason = (
            "Upgrade came through but Connection did not: a proxy in between writes Connection"
            " itself, and must say upgrade in it."
        )
    elif missing == ["Upgrade: websocket"] and not environ.get("HTTP_UPGRADE"):
        reason = (
            "Connection came through but Upgrade did not: a proxy in between must pass on both."
        )
    elif environ.get("HTTP_UPGRADE"):
        reason = "The request asks to upgrade to another protocol."
    else:
        reason = (
            "The client asked for a WebSocket (Sec-WebSocket-* arrived), so a proxy in between"
            " dropped the hop-by-hop headers, which it must be told to pass on."
        )
    via = environ.get("HTTP_VIA")
    return f"{reason} The request came through {_shown(via)}." if via else reason


def _check_version(environ: Mapping[str, Any]) -> Refusal | None:
    version = environ.get("HTTP_SEC_WEBSOCKET_VERSION", "").strip()
    if version == VERSION:
        return None
    return Refusal(
        426,
        "The protocol version must be 13;"
        f" {_shown_header(environ, 'Sec-WebSocket-Version')} arrived.",
        "Use a client that implements RFC 6455, as every browser since 2012 does.",
        [f"Sec-WebSocket-Version: {VERSION}"],
        headers=_UPGRADE,
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
        "Sec-WebSocket-Key must be 16 bytes in base64;"
        f" {_shown_header(environ, 'Sec-WebSocket-Key')} arrived.",
        "A client makes a fresh random key for each connection (RFC 6455, section 4.1, item 7);"
        " if yours does, something in between has changed the header.",
        ["Sec-WebSocket-Key: 16 bytes in base64"],
    )


def _check_fields(environ: Mapping[str, Any]) -> Refusal | None:
    """What else can be malformed: host, body, subprotocols, extensions."""
    if not environ.get("HTTP_HOST"):
        return Refusal(
            400,
            "The Host header is missing.",
            "HTTP/1.1 requires it of every client (RFC 9112, section 3.2).",
            ["Host: the name of this server"],
        )
    if environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        return Refusal(
            400,
            "The request has a body, and its bytes would be taken for WebSocket frames.",
            "Send the upgrade request without Content-Length and Transfer-Encoding.",
        )
    protocols = environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "")
    if not all(re.fullmatch(TOKEN, name) for name in elements(protocols)):
        return Refusal(
            400,
            f"Malformed subprotocols: {_shown_header(environ, 'Sec-WebSocket-Protocol')} arrived.",
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
        f"Pages from this origin may not connect: {_shown_header(environ, 'Origin')} arrived.",
        "If they should, whoever runs this server can add the origin to"
        " FLASK_ECHO_ALLOWED_ORIGINS; if that is done, a proxy may have changed the header.",
    )


def _tokens(header: str) -> list[str]:
    return [element.lower() for element in elements(header)]


def _shown(text: str) -> str:
    """What a stranger wrote, as words that are safe in any answer and any log."""
    return ascii(text[:80])[1:-1]


def _shown_header(environ: Mapping[str, Any], name: str) -> str:
    value = environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")
    return f"'{name}: {_shown(value)}'" if value else f"no {name}"
