"""The opening handshake (RFC 6455, section 4.2): check the request, then negotiate the 101.

:func:`check` judges the whole request before the first byte of a response is written, so that a
client with a bad request gets a real HTTP error that explains it. A stranger can send anything, so
the sizes are checked first, then the origin, and only then everything that has to be parsed.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from wsproto.extensions import Extension
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import generate_accept_token

from flask_echo.websocket.cures import PASS_UPGRADES_ON
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.extensions import acceptable_offer
from flask_echo.websocket.headers import TOKEN, elements, environ_key, header, printable
from flask_echo.websocket.refusal import Refusal

VERSION = "13"

# How much of a peer's text a response repeats, in characters.
_SHOWN = 80

# The fields that a handshake parses. WSGI joins the values of a field that comes more than once.
_PARSED = (
    "Host", "Connection", "Upgrade", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions",
)  # fmt: skip
# gunicorn's default limit on one field. A client may send a token of that size as a subprotocol:
# Kubernetes does (base64url.bearer.authorization.k8s.io). All other fields have under 300.
_LONGEST_FIELD = 8190
# The fields that are lists. Browsers offer one extension with one parameter, and test suites a few.
_LISTS = ("Connection", "Upgrade", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions")
_MOST_SEPARATORS = 100
# 16 bytes in base64, with padding.
_KEY_CHARACTERS = 24

# The requirements of section 4.2.1, items 3 to 6, as header lines.
_CONNECTION = "Connection: Upgrade"
_UPGRADE = "Upgrade: websocket"
_VERSION = f"Sec-WebSocket-Version: {VERSION}"
_KEY = "Sec-WebSocket-Key: 16 bytes in base64"

# Section 4.4 asks for the version; RFC 9110, section 15.5.22, for Upgrade.
_UPGRADE_HEADERS = dict(line.split(": ") for line in (_CONNECTION, _UPGRADE, _VERSION))


def is_attempt(environ: Mapping[str, Any]) -> bool:
    """Return whether a request asks for a WebSocket, well or badly.

    This is for an address that also serves a page.
    """
    return "websocket" in header(environ, "Upgrade").lower() or any(
        key.startswith("HTTP_SEC_WEBSOCKET_") for key in environ
    )


def check(environ: Mapping[str, Any], allowed_origins: Collection[str] | None) -> Refusal | None:
    """Return None for a good upgrade request, else the reason to refuse it.

    :param environ: the WSGI environment of the request.
    :param allowed_origins: serialized origins in lower case; None allows all.
    """
    steps = (
        _check_sizes, _check_method, _check_upgrade, _check_version,
        partial(_check_origin, allowed_origins),
        _check_key, _check_host, _check_body, _check_subprotocols, _check_extensions,
    )  # fmt: skip
    for step in steps:
        refusal = step(environ)
        if refusal is not None:
            return refusal
    return None


def _check_sizes(environ: Mapping[str, Any]) -> Refusal | None:
    """RFC 6585, section 5. What follows may then take time that grows with the size."""
    for name in _PARSED:
        size = len(header(environ, name))
        if size > _LONGEST_FIELD:
            return _too_large(name, f"{size} characters", f"{_LONGEST_FIELD}")
    for name in _LISTS:
        value = header(environ, name)
        separators = value.count(",") + value.count(";")
        if separators > _MOST_SEPARATORS:
            return _too_large(name, f"{separators} commas and semicolons", f"{_MOST_SEPARATORS}")
    return None


def _too_large(name: str, found: str, allowed: str) -> Refusal:
    return Refusal(
        431,
        f"{name} is too large. The request has {found} in it, and {allowed} are allowed.",
        "Send less in this field. If the client does, a proxy adds to it or repeats it.",
        problem="too-large",
    )


def _check_method(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 4.1, item 2."""
    method = environ["REQUEST_METHOD"]
    if method == "GET":
        return None
    return Refusal(
        405,
        f"This is a WebSocket address. The method must be GET, not {printable(method, 40)}.",
        "Use a WebSocket client to open this address.",
        headers={"Allow": "GET"},
        problem="method",
    )


def _check_upgrade(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 4.2.1, items 1, 3 and 4. The refusal lists everything else that is missing, too."""
    missing = ["HTTP/1.1"] if environ.get("SERVER_PROTOCOL") in ("HTTP/0.9", "HTTP/1.0") else []
    for line in (_CONNECTION, _UPGRADE):
        name, value = line.split(": ")
        if value.lower() not in elements(header(environ, name).lower()):
            missing.append(line)
    if not missing:
        return None
    asked = is_attempt(environ)
    return Refusal(
        426,
        "This is a WebSocket address. The request lacks"
        f" {_listed([*missing, *_missing_rest(environ)])}.",
        _advice(environ, missing) if asked else "Use a WebSocket client to open this address.",
        [*missing, *_missing_rest(environ)],
        # Always, because a browser tells its page nothing: the page asks here with a plain GET.
        PASS_UPGRADES_ON,
        headers=_UPGRADE_HEADERS,
        problem="no-upgrade",
    )


def _missing_rest(environ: Mapping[str, Any]) -> list[str]:
    """Which of section 4.2.1, items 5 and 6, did not arrive at all."""
    lines = {"Sec-WebSocket-Version": _VERSION, "Sec-WebSocket-Key": _KEY}
    return [line for name, line in lines.items() if not header(environ, name)]


def _listed(lines: Sequence[str]) -> str:
    quoted = [f"'{line}'" for line in lines]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[:-1] else quoted)


def _advice(environ: Mapping[str, Any], missing: Sequence[str]) -> str:
    """Who kept the upgrade from arriving, as far as the request can tell, and the cure."""
    upgrade = header(environ, "Upgrade")
    if missing[0] == "HTTP/1.1":
        advice = (
            "WebSocket clients speak HTTP/1.1, so a proxy speaks HTTP/1.0 to this server, as nginx"
            " before 1.29.7 does by default. Set HTTP/1.1 there."
        )
    elif upgrade and missing != [_CONNECTION]:
        advice = f"The request asks to upgrade to another protocol: {printable(upgrade, _SHOWN)}."
    elif upgrade:
        advice = "Upgrade arrived, but a proxy replaces Connection. Set it to 'upgrade' there."
    elif missing == [_UPGRADE]:
        advice = "Connection arrived, but a proxy drops Upgrade. It must pass both on."
    else:
        advice = (
            "The client asked for a WebSocket (Sec-WebSocket-* arrived), but a proxy drops"
            " Connection and Upgrade. It must pass both on."
        )
    via = header(environ, "Via")
    return f"{advice} The request came through {printable(via, _SHOWN)}." if via else advice


def _check_version(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 4.2.1, item 6."""
    if header(environ, "Sec-WebSocket-Version").strip() == VERSION:
        return None
    return Refusal(
        426,
        "The protocol version must be 13. The request has"
        f" {_shown_header(environ, 'Sec-WebSocket-Version')}.",
        "Use a client that implements RFC 6455. Every browser since 2012 does.",
        [_VERSION],
        headers=_UPGRADE_HEADERS,
        problem="version",
    )


def _check_key(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 4.2.1, item 5."""
    if _is_key(header(environ, "Sec-WebSocket-Key").strip()):
        return None
    return Refusal(
        400,
        "Sec-WebSocket-Key must be 16 bytes in base64. The request has"
        f" {_shown_header(environ, 'Sec-WebSocket-Key')}.",
        "A client makes a new random key for each connection (RFC 6455, section 4.1, item 7)."
        " If yours does, a proxy changes the header.",
        [_KEY],
        problem="key",
    )


def _is_key(text: str) -> bool:
    try:
        decoded = base64.b64decode(text, validate=True) if len(text) == _KEY_CHARACTERS else b""
    except (binascii.Error, ValueError):
        return False
    return len(decoded) == 16


def _check_host(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 4.2.1, item 2."""
    if header(environ, "Host"):
        return None
    return Refusal(
        400,
        "The Host header is missing.",
        "HTTP/1.1 requires it of every client (RFC 9112, section 3.2).",
        ["Host: the name of this server"],
        problem="host",
    )


def _check_body(environ: Mapping[str, Any]) -> Refusal | None:
    """A body would be taken for WebSocket frames."""
    has_length = environ.get("CONTENT_LENGTH", "0") not in ("", "0")
    if not has_length and not header(environ, "Transfer-Encoding"):
        return None
    return Refusal(
        400,
        "The upgrade request has a body.",
        "Send it without Content-Length and Transfer-Encoding.",
        problem="body",
    )


def _check_subprotocols(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 4.1, item 10."""
    names = elements(header(environ, "Sec-WebSocket-Protocol"))
    if all(re.fullmatch(TOKEN, name) for name in names):
        return None
    return Refusal(
        400,
        "The subprotocols are malformed. The request has"
        f" {_shown_header(environ, 'Sec-WebSocket-Protocol')}.",
        "Separate them by commas. Each must be a token (RFC 6455, section 4.1, item 10).",
        problem="subprotocols",
    )


def _check_extensions(environ: Mapping[str, Any]) -> Refusal | None:
    """Section 9.1."""
    try:
        acceptable_offer(header(environ, "Sec-WebSocket-Extensions"))
    except ValueError as error:
        return Refusal(
            400,
            f"Sec-WebSocket-Extensions is malformed: {error}.",
            "Offer extensions as in 'permessage-deflate; client_max_window_bits' (RFC 7692).",
            problem="extensions",
        )
    return None


def _check_origin(allowed: Collection[str] | None, environ: Mapping[str, Any]) -> Refusal | None:
    """Section 10.2. Clients other than browsers send no origin, and could send any."""
    origin = environ.get(environ_key("Origin"))
    if allowed is None or origin is None or origin.strip().lower() in allowed:
        return None
    return Refusal(
        403,
        f"Pages from this origin may not connect. The request has"
        f" {_shown_header(environ, 'Origin')}.",
        "The operator of this server can allow the origin. If that is done, a proxy changes the"
        " header.",
        problem="origin",
    )


def _shown_header(environ: Mapping[str, Any], name: str) -> str:
    value = printable(header(environ, name), _SHOWN)
    return f"'{name}: {value}'" if value else f"no {name}"


class Agreement(NamedTuple):
    """The result of a negotiation (section 4.2.2).

    :ivar subprotocol: the chosen one, or None.
    :ivar extensions: the extensions in use, with their parameters.
    :ivar deflate: permessage-deflate, or None.
    :ivar head: the 101 response, which has no body.
    """

    subprotocol: str | None
    extensions: list[str]
    deflate: Deflate | None
    head: bytes


def negotiate(
    environ: Mapping[str, Any], subprotocols: Collection[str], compression: bool
) -> Agreement:
    """Choose subprotocol and extensions, and write the 101.

    :param environ: the WSGI environment of a request without a :func:`check` refusal.
    :param subprotocols: those that the server speaks. The client's order decides.
    :param compression: whether to accept permessage-deflate.
    """
    wanted = elements(header(environ, "Sec-WebSocket-Protocol"))
    subprotocol = next((name for name in wanted if name in subprotocols), None)
    offers = header(environ, "Sec-WebSocket-Extensions")
    offer = acceptable_offer(offers) if compression and offers else None
    deflate = Deflate() if offer else None
    extensions: list[Extension] = [deflate] if deflate else []
    accepted = server_extensions_handshake([offer] if offer else [], extensions)
    return Agreement(
        subprotocol,
        elements(accepted.decode()) if accepted else [],
        deflate,
        _head(environ, subprotocol, accepted),
    )


def _head(environ: Mapping[str, Any], subprotocol: str | None, extensions: bytes | None) -> bytes:
    """The 101 (section 4.2.2, item 5). An HTTP library would parse the request once more, and
    keep its state in each of many connections."""
    key = header(environ, "Sec-WebSocket-Key").strip().encode()
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + generate_accept_token(key),
    ]
    if subprotocol is not None:
        lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode())
    if extensions is not None:
        lines.append(b"Sec-WebSocket-Extensions: " + extensions)
    return b"\r\n".join([*lines, b"", b""])
