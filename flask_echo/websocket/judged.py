"""Frames that are not common: wsproto judges them."""

from wsproto.frame_protocol import FrameProtocol, ParseFailed

from flask_echo.websocket import control, frames
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.verdicts import Unacceptable

# First bytes of good data frames: where a message begins, and within one.
FIRST_FRAMES = (frames.TEXT, frames.BINARY, frames.FIN | frames.TEXT, frames.FIN | frames.BINARY)
FIRST_FRAMES_WITH_COMPRESSION = (*FIRST_FRAMES, *(frames.RSV1 | first for first in FIRST_FRAMES))
NEXT_FRAMES = (frames.CONTINUATION, frames.FIN | frames.CONTINUATION)

# An empty first fragment with a mask.
_BEGINNING = bytes((frames.BINARY, frames.MASK, 0, 0, 0, 0))


def check(data: bytes, start: int, firsts: tuple[int, ...], deflate: Deflate | None) -> None:
    """Refuse a frame that cannot become good. Otherwise more of it must arrive.

    :param data: has no complete header of a good data frame at index ``start``, and no complete
        good control frame.
    :param firsts: the first bytes of good data frames.
    :param deflate: the negotiated extension, or None.
    :raises Unacceptable: with wsproto's verdict.
    """
    head = data[start : start + frames.MOST_HEADER_BYTES]
    if control.may_become_control(head):
        return
    if head[0] in firsts and frames.may_become_common(head):
        return
    # One byte of the payload makes wsproto look at the order of frames.
    size = frames.header_size(head)
    within = frames.CONTINUATION in firsts
    _judge(data[start : start + size + 1], within, deflate)
    assert len(data) <= start + size, head


def _judge(piece: bytes, within: bool, deflate: Deflate | None) -> None:
    protocol = FrameProtocol(client=False, extensions=[deflate] if deflate else [])
    protocol.receive_bytes(_BEGINNING + piece if within else piece)
    try:
        for _ in protocol.received_frames():
            pass
    except ParseFailed as error:
        raise Unacceptable(error.code, str(error)) from None
