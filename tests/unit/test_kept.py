"""The queue of messages that wait for the handler."""

from sys import getsizeof

import pytest

from flask_echo.websocket.budget import Account, Budget
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.kept import KEEP_BYTES, Kept
from tests.support.clients import frame

LARGE = "x" * (KEEP_BYTES // 2 - getsizeof("") + 1)  # Two of them are too many.


@pytest.fixture
def incoming() -> Incoming:
    """The input of a connection."""
    return Incoming(2**20, Account(Budget(2**30)))


def test_the_oldest_message_comes_first_and_decides_about_compression(incoming: Incoming) -> None:
    kept = Kept(incoming)
    for message, compressed in (("a", True), (b"b", False)):
        incoming.compressed = compressed
        kept.add(message)
    assert (kept.take(), incoming.compressed) == ("a", True)
    assert (kept.take(), incoming.compressed) == (b"b", False)
    assert not kept.messages


def test_it_is_full_after_64_kib_and_has_room_again_after_a_take(incoming: Incoming) -> None:
    kept = Kept(incoming)
    kept.add(LARGE)
    assert not kept.is_full
    kept.add(LARGE)
    assert kept.is_full
    kept.add_if_room("no room")
    assert kept.take() == kept.take() == LARGE
    assert not kept.messages
    kept.add_if_room("room")
    assert kept.take() == "room"


def test_a_message_that_is_under_way_takes_room(incoming: Incoming) -> None:
    kept = Kept(incoming)
    kept.add(LARGE)
    incoming.add(frame(0x82, bytes(KEEP_BYTES))[: KEEP_BYTES // 2 + 20])
    assert incoming.next() is None
    assert kept.is_full


def test_messages_are_put_back_before_newer_ones(incoming: Incoming) -> None:
    kept = Kept(incoming)
    kept.add(LARGE)
    older = kept.take_all()
    assert not kept.messages
    kept.add(LARGE[1:])
    assert not kept.is_full
    kept.put_back(older)
    assert kept.is_full
    assert [kept.take(), kept.take()] == [LARGE, LARGE[1:]]
    kept.put_back(None)
    assert not kept.messages


def test_after_clearing_all_the_room_is_there(incoming: Incoming) -> None:
    kept = Kept(incoming)
    kept.add(LARGE)
    kept.add(LARGE)
    kept.clear()
    assert not kept.messages
    assert not kept.is_full
