"""Who may keep how many bytes of traces."""

from flask_echo.traces.ledger import Entry, Ledger


def put(ledger: Ledger, client: str, key: str, size: int, now: float = 0.0) -> list[str]:
    return ledger.put(key, Entry(client, size, now + 300))


def test_what_fits_stays() -> None:
    ledger = Ledger(total=100, share=50)
    assert put(ledger, "a", "1", 50) == put(ledger, "b", "2", 50) == []
    assert ledger.has("1")
    assert ledger.has("2")


def test_a_client_with_too_much_loses_its_own_oldest() -> None:
    ledger = Ledger(total=100, share=50)
    put(ledger, "b", "0", 10)
    put(ledger, "a", "1", 20)
    put(ledger, "a", "2", 20)
    assert put(ledger, "a", "3", 20) == ["1"]
    assert ledger.has("0")


def test_a_flood_cannot_push_out_the_traces_of_others() -> None:
    ledger = Ledger(total=100, share=50)
    put(ledger, "other", "mine", 10)
    for number in range(1000):
        put(ledger, "flood", f"f{number}", 10)
    assert ledger.has("mine")


def test_many_floods_push_out_their_own() -> None:
    ledger = Ledger(total=100, share=50)
    put(ledger, "other", "mine", 10)
    dropped = [
        key for number in range(1000) for key in put(ledger, f"flood{number % 3}", f"f{number}", 10)
    ]
    assert "mine" not in dropped
    assert len(dropped) == 1000 - 9


def test_a_trace_that_grows_is_counted_once() -> None:
    ledger = Ledger(total=100, share=50)
    for size in (10, 20, 50):
        assert put(ledger, "a", "1", size) == []
    assert put(ledger, "a", "1", 51) == ["1"]
    assert not ledger.has("1")


def test_expired_traces_take_no_room_and_are_named_once() -> None:
    ledger = Ledger(total=100, share=50)
    put(ledger, "a", "1", 25)
    put(ledger, "a", "2", 25, now=1)
    assert ledger.take_expired(299) == []
    assert ledger.take_expired(300) == ["1"]
    assert not ledger.has("1")
    assert put(ledger, "a", "3", 25, now=300) == []
    assert ledger.take_expired(300) == []


def test_a_trace_that_changes_expires_later() -> None:
    ledger = Ledger(total=100, share=50)
    put(ledger, "a", "1", 10)
    put(ledger, "a", "2", 10, now=1)
    put(ledger, "a", "1", 10, now=2)
    assert ledger.take_expired(301) == ["2"]
