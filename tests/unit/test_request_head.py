"""The head of a request is read in pieces that grow, a body as it arrives."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest
from gunicorn.http.errors import LimitRequestHeaders

from flask_echo.request_head import HeadReader

END = b"\r\n\r\n"
Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        yield ours, theirs


def pieces_of(reader: HeadReader, total: int) -> list[bytes]:
    """Read pieces until ``total`` bytes have come, or the stream has ended."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < total and (piece := reader.chunk()):
        pieces.append(piece)
    return pieces


def test_a_long_head_in_small_segments_comes_in_few_pieces(ends: Ends) -> None:
    ours, theirs = ends
    head = b"a" * 400_000 + END

    def trickle() -> None:
        for start in range(0, len(head), 100):
            theirs.sendall(head[start : start + 100])

    sender = Thread(target=trickle)
    sender.start()
    pieces = pieces_of(HeadReader(ours, None), len(head))
    sender.join()
    assert b"".join(pieces) == head
    before = 0
    for piece in pieces[:-1]:
        assert before <= 16 * 1024 or len(piece) >= before
        before += len(piece)


def test_the_start_of_a_head_comes_as_it_arrives(ends: Ends) -> None:
    ours, theirs = ends
    reader = HeadReader(ours, None)
    for piece in (b"G", b"ET / HTTP/1.1\r", b"\n"):
        theirs.sendall(piece)
        assert reader.chunk() == piece


def test_a_piece_ends_with_the_head_also_if_its_end_is_split(ends: Ends) -> None:
    ours, theirs = ends
    reader = HeadReader(ours, None)
    theirs.sendall(b"a" * 20_000)
    assert len(b"".join(pieces_of(reader, 20_000))) == 20_000
    theirs.sendall(b"\r\n\r")
    theirs.sendall(b"\n")
    assert b"".join(pieces_of(reader, 4)) == END


def test_the_end_of_the_stream_ends_a_piece(ends: Ends) -> None:
    ours, theirs = ends
    theirs.sendall(b"a" * 20_000)
    theirs.shutdown(socket.SHUT_WR)
    pieces = pieces_of(HeadReader(ours, None), 10**6)
    assert len(b"".join(pieces)) == 20_000


def test_a_head_is_refused_as_soon_as_it_is_longer_than_the_limit(ends: Ends) -> None:
    ours, theirs = ends
    theirs.sendall(b"a" * (32 * 1024 + 1))
    with pytest.raises(LimitRequestHeaders):
        pieces_of(HeadReader(ours, 32 * 1024), 10**6)


def test_a_body_comes_as_it_arrives_and_the_limit_does_not_bind_it(ends: Ends) -> None:
    ours, theirs = ends
    reader = HeadReader(ours, 1000)
    theirs.sendall(b"GET" + END)
    assert reader.chunk() == b"GET" + END
    reader.end_head()
    for _ in range(50):
        theirs.sendall(b"b" * 1000)
        assert reader.chunk() == b"b" * 1000
    reader.begin_head()
    theirs.sendall(b"c" * 1001)
    with pytest.raises(LimitRequestHeaders, match="more than 1000 bytes"):
        reader.chunk()
