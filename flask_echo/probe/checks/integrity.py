"""Do messages come back unchanged?"""

from collections.abc import Iterator

from websockets.exceptions import ConnectionClosed

from flask_echo.diagnosis.facts import Facts
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.session import Session

_STEP = 16  # Of 16 characters one is sent, 70,000 in all.
_PLANES = 17
_CHARACTERS = 1024  # of one message
_AHEAD = 8  # messages on their way at once
_SURROGATES = range(0xD800, 0xE000)

Message = str | bytes


def integrity(session: Session) -> Verdict:
    """Send all pairs of bytes, and characters from all planes of Unicode. Nothing is compressed, so
    that the path sees them as they are."""
    for messages in (_binary(), _texts()):
        facts = _exchange(session, list(messages))
        if facts["damage"]:
            return judge("integrity", facts)
    return judge("integrity", {"kind": "", "damage": ""})


def _binary() -> Iterator[Message]:
    yield b""
    for first in range(256):
        yield bytes(byte for second in range(256) for byte in (first, second))


def _texts() -> Iterator[Message]:
    yield ""
    for plane in range(_PLANES):
        start = plane * 0x10000
        codes = [*range(start, start + 0x10000, _STEP), start + 0xFFFF]
        characters = [chr(code) for code in codes if code not in _SURROGATES]
        for at in range(0, len(characters), _CHARACTERS):
            yield "".join(characters[at : at + _CHARACTERS])


def _exchange(session: Session, messages: list[Message]) -> Facts:
    with session.open(compression=False) as ws:
        try:
            for sent in messages[:_AHEAD]:
                ws.send(sent)
            for at, sent in enumerate(messages):
                if damage := _damage(sent, ws.recv(timeout=session.timeout)):
                    return {"kind": "changed", "damage": damage}
                if at + _AHEAD < len(messages):
                    ws.send(messages[at + _AHEAD])
                session.progress(at / len(messages))
        except TimeoutError:
            return {"kind": "silent", "damage": f"no reply to message {at + 1}"}
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else 1006
            return {"kind": "ended", "damage": f"the connection ended with code {code}"}
    return {"kind": "", "damage": ""}


def _damage(sent: Message, received: Message) -> str:
    """Return the first difference in words."""
    if type(sent) is not type(received):
        return f"{_kind(sent)} came back as {_kind(received)}"
    if sent == received:
        return ""
    if len(sent) != len(received):
        return f"a message of {len(sent)} came back with {len(received)}"
    at = next(i for i, (a, b) in enumerate(zip(sent, received, strict=True)) if a != b)
    return f"{_unit(sent[at])} came back as {_unit(received[at])}"


def _kind(message: Message) -> str:
    return "text" if isinstance(message, str) else "binary"


def _unit(value: str | int) -> str:
    return f"U+{ord(value):04X}" if isinstance(value, str) else f"the byte 0x{value:02X}"
