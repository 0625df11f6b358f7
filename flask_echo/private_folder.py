"""Folders that only this user may read, and that go with the process that made them.

gunicorn's master imports this module, so it imports nothing of the application.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import suppress


def private_folder(prefix: str, place: str | None = None) -> str:
    """Make a folder for this process and those that it forks later.

    :param prefix: the beginning of its name.
    :param place: where it is made; by default where ``TMPDIR`` says.
    :raises OSError: if it cannot be made.
    """
    folder = tempfile.mkdtemp(prefix=prefix, dir=place)
    atexit.register(_remove, folder, os.getpid())
    return folder


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
