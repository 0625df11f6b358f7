"""permessage-deflate (RFC 7692) as wsproto has it, with control frames left out of it."""

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits


class Deflate(PerMessageDeflate):
    """Compression that a control frame between two fragments does not disturb.

    wsproto 1.3.2 takes every final frame for the end of the message, so that after a ping in
    the middle (RFC 6455, section 5.4) the rest is not inflated: corrupt binary, or 1007.
    """

    _is_control = False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """Judge the reserved bits; a control frame is never compressed (RFC 7692, section 6)."""
        self._is_control = opcode.iscontrol()
        if self._is_control:
            return RsvBits(False, False, False)
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Inflate a part of a data frame."""
        return data if self._is_control else super().frame_inbound_payload_data(proto, data)

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """Inflate the end of a message."""
        return None if self._is_control else super().frame_inbound_complete(proto, fin)
