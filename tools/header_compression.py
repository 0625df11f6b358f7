"""What HTTP/2 would make of the heads of HTTP/1.1 messages: HPACK (RFC 7541), computed."""

from collections.abc import Iterable, Iterator

from hpack import Encoder

# RFC 9113, section 4.1: each HEADERS frame has a header of its own, and there is one for each head
# of this size.
_FRAME_HEADER_BYTES = 9

# RFC 9113, section 8.2.2: HTTP/2 has no such fields.
_CONNECTION_FIELDS = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host"}


def compressed_sizes(heads: Iterable[bytes]) -> Iterator[int]:
    """Yield the bytes that each head of one direction of one connection would take in HTTP/2.

    Later heads are smaller: the table of the encoder has what the earlier ones had.

    :param heads: whole heads, requests only or responses only, in the order in which they came.
    """
    encoder = Encoder()
    for head in heads:
        yield _FRAME_HEADER_BYTES + len(encoder.encode(fields_of(head)))


def fields_of(head: bytes) -> list[tuple[str, str]]:
    """Return the fields that a head of HTTP/1.1 has in HTTP/2, pseudo-header fields first."""
    line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    fields = [text.split(":", 1) for text in lines]
    named = [(name.lower(), value.strip()) for name, value in fields]
    return [
        *_pseudo_fields(line, dict(named)),
        *((name, value) for name, value in named if name not in _CONNECTION_FIELDS),
    ]


def _pseudo_fields(line: str, named: dict[str, str]) -> list[tuple[str, str]]:
    """RFC 9113, sections 8.3.1 and 8.3.2."""
    first, second, *_ = line.split(" ")
    if first.startswith("HTTP/"):
        return [(":status", second)]
    return [
        (":method", first),
        (":scheme", "https"),
        (":authority", named["host"]),
        (":path", second),
    ]
