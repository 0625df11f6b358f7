"""The connection and plain wsproto agree, whatever comes and however it is cut."""

import itertools
import select
import socket
import struct
from collections.abc import Sequence
from threading import Thread
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from simple_websocket import ConnectionClosed
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Message, Ping

from flask_echo.websocket import frames
from flask_echo.websocket.arriving import PlainMessage
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.limits import Limits
from tests.support.clients import UPGRADE, deflated, frame, request_bytes
from tests.support.mended import MendedDeflate
from tests.support.pairs import environ, tcp_pair, unix_pair

HELD = 64 * 1024  # bytes that a socket's buffers surely hold
OFFER = "permessage-deflate; client_max_window_bits"


class Outcome(NamedTuple):
    """What a server made of a stream of bytes."""

    messages: list[str | bytes]
    replies: bytes
    code: int


# -- What clients send ---------------------------------------------------------------------

sizes = st.one_of(st.integers(0, 140), st.sampled_from([125, 126, 127, 65535, 65536, 70_000]))
payloads = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.binary(max_size=140),
    st.builds(lambda size, byte: bytes([byte]) * size, sizes, st.integers(0, 255)),
    st.sampled_from([b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "κόσμε😀".encode()[:-1]]),
)
keys = st.binary(min_size=4, max_size=4)
close_payloads = st.one_of(
    st.sampled_from([b"", b"\x03", b"\x03\xe8", b"\x03\xe8\xff", b"\x03\xed", b"\x13\x88"]),
    st.builds(
        lambda code, reason: struct.pack("!H", code) + reason.encode()[:120],
        st.integers(0, 5001),
        st.text(max_size=30),
    ),
)
pings = st.builds(lambda p, k: frame(0x89, p[:125], k), payloads, keys)
pongs = st.builds(lambda p, k: frame(0x8A, p[:125], k), payloads, keys)
closes = st.builds(lambda p, k: frame(0x88, p, k), close_payloads, keys)
wholes = st.builds(
    lambda first, p, k: frame(first, p, k), st.sampled_from([0x81, 0x82]), payloads, keys
)


def fragments(first: int, data: bytes, cuts: Sequence[int], between: list[bytes]) -> bytes:
    """A message in several frames with control frames between them."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    parts = [data[a:b] for a, b in itertools.pairwise(places)]
    out = b""
    for index, part in enumerate(parts):
        opcode = first if index == 0 else 0
        out += frame(opcode | (0x80 if index == len(parts) - 1 else 0), part)
        out += between[index] if index < len(between) else b""
    return out


fragmented = st.builds(
    fragments,
    st.sampled_from([1, 2]),
    payloads,
    st.lists(st.integers(0, 2**16), max_size=4),
    st.lists(st.one_of(pings, pongs), max_size=3),
)
compressed = st.builds(
    fragments,
    st.sampled_from([0x41, 0x42]),
    payloads.map(deflated),
    st.lists(st.integers(0, 2**16), max_size=3),
    st.lists(pings, max_size=2),
)
# In one frame, and not only what can be inflated.
compressed_wholes = st.builds(
    frame, st.sampled_from([0xC1, 0xC2]), st.one_of(payloads, payloads.map(deflated)), keys
)
# Any first byte, masked or not, truthful about its length or in a longer form than allowed.
odd = st.one_of(
    st.builds(frame, st.integers(0, 255), payloads, st.one_of(st.none(), keys)),
    st.sampled_from(
        [
            b"\x81\xfe\x00\x05\0\0\0\0hello",
            b"\x82\xff" + (1000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 1000,
            b"\x82\xff\x80" + b"\0" * 7 + b"\0\0\0\0",
        ]
    ),
    st.binary(max_size=20),
)
streams = st.lists(
    st.one_of(wholes, fragmented, compressed, compressed_wholes, pings, pongs, closes, odd),
    max_size=8,
).map(b"".join)
cuts = st.lists(st.integers(0, 2**20), max_size=8)


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """The stream in pieces."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges) if a < b]


# -- The two servers -----------------------------------------------------------------------


def plain_wsproto(pieces: list[bytes], extensions: str | None) -> Outcome:
    """What wsproto makes of it, fed as it comes."""
    ws = WSConnection(ConnectionType.SERVER)
    headers = [(name.encode(), value.encode()) for name, value in UPGRADE.items()]
    if extensions:
        headers.append((b"Sec-WebSocket-Extensions", extensions.encode()))
    ws.initiate_upgrade_connection(headers, b"/")
    list(ws.events())
    ws.send(AcceptConnection(extensions=[MendedDeflate()] if extensions else []))
    messages: list[Any] = []
    parts: list[Any] = []
    replies = b""
    for piece in pieces:
        ws.receive_data(piece)
        for event in ws.events():
            if isinstance(event, Message):
                parts.append(event.data)
                if event.message_finished:
                    messages.append(parts[0][:0].join(parts))
                    parts = []
            elif isinstance(event, Ping):
                replies += ws.send(event.response())
            elif isinstance(event, CloseConnection):
                failed = ws.state is ConnectionState.OPEN
                answer = CloseConnection(event.code, event.reason) if failed else event.response()
                return Outcome(messages, replies + ws.send(answer), event.code)
    return Outcome(messages, replies, 1006)


def has_input(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


def this_project(pieces: list[bytes], extensions: str | None, over_tcp: bool) -> Outcome:
    """What the connection makes of it, each piece taken as it comes."""
    server, client = tcp_pair() if over_tcp else unix_pair()
    replies: list[bytes] = []

    def read_to_the_end() -> None:
        while data := client.recv(65536):
            replies.append(data)
        client.close()

    reader = Thread(target=read_to_the_end)
    with server:
        request = environ(request_bytes(changes={"Sec-WebSocket-Extensions": extensions}))
        connection = Connection(server, request, Limits())
        connection.upgrade()
        reader.start()
        messages: list[Any] = []
        try:
            # Both ends are in this thread, so no more is sent at once than the kernel holds.
            for part in (p[at : at + HELD] for p in pieces for at in range(0, len(p), HELD)):
                client.sendall(part)
                while (message := connection.receive(timeout=0)) is not None or has_input(server):
                    messages += [] if message is None else [message]
            client.shutdown(1)
            while True:
                messages.append(connection.receive())
        except ConnectionClosed as closed:
            code = closed.reason
    reader.join()
    return Outcome(messages, b"".join(replies).split(b"\r\n\r\n", 1)[1], code)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(stream=streams, places=cuts, extensions=st.sampled_from([None, OFFER]))
# After a compressed message, a continuation of nothing.
@example(frame(0x81) + frame(0xC1) + frame(0x00, b"\x01"), [], OFFER)
@pytest.mark.parametrize("over_tcp", [True, False], ids=["tcp", "poll"])
def test_messages_replies_and_close_code_are_those_of_wsproto(
    over_tcp: bool, stream: bytes, places: list[int], extensions: str | None
) -> None:
    pieces = cut(stream, places)
    ours, theirs = this_project(pieces, extensions, over_tcp), plain_wsproto(pieces, extensions)
    assert without_position(ours) == without_position(theirs)


def without_position(outcome: Outcome) -> Outcome:
    """Leave out the words about bad UTF-8: they count from the start of a piece."""
    if outcome.code != 1007:
        return outcome
    end = outcome.replies.rindex(b"\x03\xef")
    return outcome._replace(replies=outcome.replies[: end - 1] + b"\x03\xef")  # And their size.


# -- Frames --------------------------------------------------------------------------------


@given(data=st.binary(min_size=1, max_size=5000), key=keys, places=cuts)
def test_a_large_frame_is_the_same_in_whatever_pieces_it_comes(
    data: bytes, key: bytes, places: list[int]
) -> None:
    whole = frame(0x82, data, key)
    begun = frames.begin_frame(whole, 0, (0x82,))
    assert begun is not None
    header, found, start = begun
    message = PlainMessage(header)
    message.begin_frame(header, found)
    for piece in cut(whole[start:], places):
        assert not message.is_whole
        message.add(piece)
    assert message.is_whole
    assert message.payload.finish() == data


@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_what_is_encoded_is_one_final_frame(data: str | bytes) -> None:
    header, payload = frames.encode(data)
    assert payload == (data.encode() if isinstance(data, str) else data)
    parsed = frames.parse_header(header)
    assert len(header) == frames.header_size(header)
    assert (parsed.length, parsed.masked, parsed.is_final) == (len(payload), False, True)
