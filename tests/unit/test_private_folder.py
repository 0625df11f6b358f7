"""Private folders, and those that a killed service has left over."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import flask_echo.private_folder
from flask_echo.private_folder import private_folder
from tests.support.required import give_up

# Makes a folder, starts a child that was forked from it, and says where and who they are.
MAKER = """
import os, sys, time
from flask_echo.private_folder import private_folder

folder = private_folder("test-", sys.argv[1])
child = os.fork()
if child:
    print(folder, child, flush=True)
time.sleep(60)
"""


class Made:
    """A folder, the process that made it, and that process's child."""

    def __init__(self, place: Path) -> None:
        self.maker = subprocess.Popen(
            [sys.executable, "-c", MAKER, str(place)], stdout=subprocess.PIPE, text=True
        )
        self._child: int | None = None

    def read(self) -> Path:
        """Wait for the folder, and return it."""
        assert self.maker.stdout
        name, child = self.maker.stdout.readline().split()
        self._child = int(child)
        return Path(name)

    def kill_maker(self) -> None:
        """Kill the process that made the folder."""
        self.maker.kill()
        self.maker.wait(10)

    def kill_child(self) -> None:
        """Kill the child. Its output is the maker's, which ends with the last of the two."""
        if self._child is not None:
            os.kill(self._child, 9)
            self._child = None
            assert self.maker.stdout
            self.maker.stdout.read()


@contextmanager
def made(place: Path) -> Iterator[Made]:
    it = Made(place)
    try:
        yield it
    finally:
        it.kill_maker()
        it.kill_child()
        it.maker.communicate()


def next_start(place: Path) -> None:
    """Do what the next start of a service does."""
    shutil.rmtree(private_folder("test-", str(place)))


def test_a_folder_stays_until_all_who_may_use_it_were_killed(tmp_path: Path) -> None:
    with made(tmp_path) as service:
        folder = service.read()
        (folder / "file").touch()
        next_start(tmp_path)
        assert folder.exists()
        service.kill_maker()
        next_start(tmp_path)
        assert folder.exists()
        service.kill_child()
        next_start(tmp_path)
        assert not folder.exists()


def test_services_that_start_together_keep_their_folders(tmp_path: Path) -> None:
    with made(tmp_path) as one, made(tmp_path) as two, made(tmp_path) as three:
        folders = [service.read() for service in (one, two, three)]
        assert len(set(folders)) == 3
        assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize("then", ["tempfile.mkdtemp", "os.open", "fcntl.flock"])
def test_a_folder_that_another_start_took_for_one_left_over_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """The other start comes after the making, the opening, or the wait for the lock."""
    module, name = then.split(".")
    owner = getattr(flask_echo.private_folder, module)
    genuine = getattr(owner, name)
    taken: list[Path] = []

    def with_another_start(*arguments: Any, **named: Any) -> Any:
        result = genuine(*arguments, **named)
        if not taken:
            taken.extend(tmp_path.iterdir())
            shutil.rmtree(taken[0])
        return result

    monkeypatch.setattr(owner, name, with_another_start)
    folder = Path(private_folder("test-", str(tmp_path)))
    assert list(tmp_path.iterdir()) == [folder]
    assert taken
    assert taken != [folder]


def test_only_folders_with_this_name_are_removed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "test-link").symlink_to(tmp_path / "other")
    (tmp_path / "test-file").touch()
    (tmp_path / "test-left").mkdir()
    next_start(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "test-file", "test-link"]


def test_a_folder_of_another_user_stays_unless_it_was_made_for_that_user(tmp_path: Path) -> None:
    if os.geteuid():
        give_up("only root can give a folder away")
    (tmp_path / "test-given").mkdir()
    os.chown(tmp_path / "test-given", 65534, 65534)
    next_start(tmp_path)
    assert (tmp_path / "test-given").exists()
    folder = Path(private_folder("test-", str(tmp_path), 65534, 65534))
    assert list(tmp_path.iterdir()) == [folder]
    assert (folder.stat().st_uid, folder.stat().st_gid) == (65534, 65534)
