"""wsproto's permessage-deflate without its faults, to compare with."""

import zlib

from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from flask_echo.websocket.deflate import Deflate


class MendedDeflate(Deflate):
    """Inflates what wsproto passes to it. Two faults of wsproto 1.3.2 are mended here:

    - It takes every final frame for the end of the message. So after a ping in the middle (RFC
      6455, section 5.4) the rest is not inflated.
    - It does not start again after a block that is marked as the last one (RFC 7692, section
      7.2.3.4).
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_control = self._is_compressed = self._within = False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> RsvBits:
        self._is_control = opcode.iscontrol()
        if not self._is_control and opcode is not Opcode.CONTINUATION:
            # A second beginning is an error, which wsproto finds after this has got its payload.
            # wsproto passes a header again that has arrived in two pieces.
            self._is_compressed = rsv.rsv1 and not self._within
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        if self._is_control:
            return data
        self._within = True
        if not self._is_compressed:
            return data
        try:
            return b"".join(self.inflater().steps(data))
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        if self._is_control or not fin:
            return None
        was_compressed, self._is_compressed, self._within = self._is_compressed, False, False
        if not was_compressed:
            return None
        try:
            return b"".join(self.inflater().last_steps(b""))
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
