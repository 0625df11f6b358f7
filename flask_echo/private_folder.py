"""Folders that only one user may read, and that go with the process that made them.

If all processes of a service are killed at once, nobody removes its folder. The next service does.
It knows that a folder is left over, because those who use one hold a lock on it: the process that
made it and those that were forked from it share one descriptor, and the kernel keeps the lock until
the last of them has ended (flock(2)).

gunicorn's master imports this module, so it imports nothing of the application.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def private_folder(prefix: str, place: str | None = None, uid: int = -1, gid: int = -1) -> str:
    """Make a folder for this process and those that it forks later. Remove those left over.

    :param prefix: the beginning of its name.
    :param place: where it is made; by default where ``TMPDIR`` says.
    :param uid: the user that it is given to; by default this process's.
    :param gid: the group that it is given to; by default this process's.
    :raises OSError: if it cannot be made.
    """
    place = place or tempfile.gettempdir()
    for folder in Path(place).glob(f"{prefix}*"):
        with suppress(OSError):
            _remove_if_left_over(folder, (uid, os.geteuid()))
    made = _make(prefix, place)
    atexit.register(_remove, made, os.getpid())
    if uid not in (-1, os.geteuid()):  # A sandbox may forbid chown, also to oneself.
        os.chown(made, uid, gid)
    return made


def _make(prefix: str, place: str) -> str:
    """Make a folder with a lock on it, which is held until this process and its children end."""
    while True:
        folder = tempfile.mkdtemp(prefix=prefix, dir=place)
        # Until it is locked, another start may take it for one left over, and remove it.
        with suppress(FileNotFoundError):
            _lock(folder)
            return folder


def _lock(folder: str) -> None:
    """Hold a folder. A lock that another start has is waited for: it removes the folder.

    :raises FileNotFoundError: if another start was quicker, and removed it.
    """
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # If the file system has no locks, the next service gets none.
            fcntl.flock(held, fcntl.LOCK_SH)
        os.stat(folder)
    except OSError:
        os.close(held)
        raise


def _remove_if_left_over(folder: Path, owners: tuple[int, ...]) -> None:
    """Remove a folder that nobody holds.

    :param owners: the users whose folders may be removed. Others might have put anything there.
    :raises OSError: if somebody holds it, or if it cannot be removed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid in owners:
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _remove(folder: str, owner: int) -> None:
    # Workers inherit this function. They remove the folder of a master that was killed.
    if os.getpid() != owner and _is_alive(owner):
        return
    # A thread may still write. Under another name it finds no folder, and can put nothing into it
    # while it is removed.
    removed = f"{folder}.removed"
    with suppress(OSError):
        os.rename(folder, removed)
    shutil.rmtree(removed, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # It belongs to another user.
    return True
