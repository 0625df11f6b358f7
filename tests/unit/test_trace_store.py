"""Where traces are kept, and what happens when that fails."""

import logging
import os
import pickle
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from cachelib.base import BaseCache

from flask_echo.traces import store as module
from flask_echo.traces.ids import id_in, without_trace
from flask_echo.traces.store import FORMAT, SHARE_BYTES, OtherFormat, Store, files_in

ID = "0123456789abcdef" * 2


def store_in(place: Path, sharers: int = 1) -> Store:
    return Store(lambda: files_in(str(place)), lambda: "store", lambda: sharers)


def test_two_workers_share_a_folder(tmp_path: Path) -> None:
    one, other = store_in(tmp_path), store_in(tmp_path)
    assert one.add("a", ID, "first") == f"{ID}.0"
    assert other.add("a", ID, "second") == f"{ID}.1"
    assert one.get(ID) == other.get(ID) == ["first", "second"]
    assert one.put("a", f"{ID}.0", "changed")
    assert other.get(ID) == ["changed", "second"]


def test_four_attempts_are_kept(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert [bool(store.add("a", ID, str(number))) for number in range(5)] == [True] * 4 + [False]


def test_files_are_private_and_nothing_else_is_left(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for number in range(5):
        store.add("a", ID, str(number))
    files = list(tmp_path.iterdir())
    assert len(files) == 4
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("sharers", [1, 4])
def test_workers_divide_the_room(tmp_path: Path, sharers: int) -> None:
    store = store_in(tmp_path, sharers)
    size = SHARE_BYTES // sharers // 2
    keys = [store.add("a", f"{number:032x}", "x" * size) for number in range(3)]
    assert [len(store.get(f"{number:032x}")) for number in range(3)] == [0, 1, 1]
    assert keys[0] is not None
    assert not store.put("a", keys[0], "too late")
    assert store.dropped_at() is not None


def test_an_old_trace_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path)
    store.add("a", ID, "text")
    monkeypatch.setattr(module, "KEEP_SECONDS", -10)
    store.add("a", "f" * 32, "text")
    assert (store.get(ID), store.get("f" * 32)) == (["text"], [])


def test_expired_traces_leave_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    store = store_in(tmp_path)
    for number in range(5):
        store.add("a", f"{number:032x}", "text")
        now += 100
    assert len(list(tmp_path.iterdir())) == 3
    assert store.dropped_at() is None


def test_leftovers_are_swept(tmp_path: Path) -> None:
    cache = files_in(str(tmp_path))
    cache.set("old", "text")
    (file,) = tmp_path.iterdir()
    os.utime(file, (0, 0))
    cache.set("new", "text")
    cache.sweep()  # type: ignore[attr-defined]
    assert not file.exists()
    assert cache.get("new") == "text"


def test_a_sweep_goes_on_if_another_worker_removes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker also writes each file under another name first."""
    cache = files_in(str(tmp_path))
    for key in ("one", "another"):
        cache.set(key, "text")
    gone, old = tmp_path.iterdir()
    os.utime(old, (0, 0))
    genuine = os.scandir

    def scandir(place: str) -> AbstractContextManager[list[os.DirEntry[str]]]:
        entries = sorted(genuine(place), key=lambda entry: entry.name != gone.name)
        gone.unlink()
        return nullcontext(entries)

    monkeypatch.setattr(os, "scandir", scandir)
    cache.sweep()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


class Bomb:
    """Fails the test if somebody unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("unpickled",)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.add("a", ID, "text")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:4] + pickle.dumps(Bomb(), protocol=0))
    with pytest.raises(OtherFormat):
        store.get(ID)


@pytest.mark.parametrize("value", [b"2 {}", b"11 {}", b"{}", b"", b"\xff\xfe", b"\x80\x04."])
def test_another_format_is_told_and_does_no_harm(tmp_path: Path, value: bytes) -> None:
    store = store_in(tmp_path)
    key = store.add("a", ID, "text")
    assert key is not None
    (file,) = tmp_path.iterdir()
    head, stored = file.read_bytes()[:4], file.read_bytes()[4:]
    assert stored == f"{FORMAT} text".encode()
    file.write_bytes(head + value)
    with pytest.raises(OtherFormat):
        store.get(ID)
    assert store.reason == ""
    assert store.add("a", ID, "another") == f"{ID}.1"
    with pytest.raises(OtherFormat):  # "another" alone would look like the only attempt.
        store.get(ID)
    assert store.put("a", key, "changed")
    assert store.get(ID) == ["changed", "another"]


def test_a_note_of_dropped_traces_in_another_format_counts_as_none(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    files_in(str(tmp_path)).set("dropped", "1.5")
    assert store.dropped_at() == 1.5
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:4] + b'2 {"at": 1.5}')
    assert store.dropped_at() is None
    assert store.reason == ""


class Broken(BaseCache):
    """A cache that is gone."""

    def add(self, key: str, value: object, timeout: object = None) -> bool:
        raise ConnectionError("redis://:secret@host")

    set = get = add  # type: ignore[assignment]


def test_a_failure_is_logged_once_and_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    store = Store(Broken, lambda: "store", lambda: 1)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert store.add("a", ID, "text") is None
            now += 60
    assert [record.getMessage() for record in caplog.records] == [
        "Traces of WebSockets are off: ConnectionError. Connections go on."
    ]
    assert store.reason == "the store failed: ConnectionError"


def test_a_store_that_works_again_is_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    place = tmp_path / "later"
    store = store_in(place)
    with caplog.at_level(logging.INFO):
        assert store.add("a", ID, "text") is None
        place.mkdir()
        now += 60
        assert store.add("a", ID, "text")
    assert store.reason == ""
    assert caplog.messages[-1] == "Traces of WebSockets are on again."


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"trace={ID}", ID),
        (f"a=b&trace={ID.upper()}&c", ID),
        (f"trace={ID}0", None),
        (f"trace={ID[1:]}", None),
        (f"xtrace={ID}", None),
        ("", None),
    ],
)
def test_the_id_in_a_query(query: str, expected: str | None) -> None:
    assert id_in(query) == expected


def test_a_malformed_id_stays_in_the_query() -> None:
    assert without_trace([("trace", ID), ("delay", "1")]) == [("delay", "1")]
    assert without_trace([("trace", "zz")]) == [("trace", "zz")]
