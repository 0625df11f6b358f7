"""The private folder for traces, which all workers of one master share.

gunicorn's master calls :func:`shared_folder` before it forks. The folder goes with the process that
made it. gunicorn's master imports this module, so it imports nothing of the application.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache


@cache
def shared_folder() -> str:
    """Return the folder of this process and those that it forks later. ``TMPDIR`` says where.

    :raises OSError: if it cannot be made.
    """
    folder = tempfile.mkdtemp(prefix="flask-echo-traces-")
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: str, owner: int) -> None:
    if os.getpid() != owner:  # Workers inherit this function.
        return
    # A thread may still store the end of a connection. Under another name it finds no folder, and
    # can put nothing into it while it is removed.
    removed = f"{folder}.removed"
    with suppress(OSError):
        os.rename(folder, removed)
    shutil.rmtree(removed, ignore_errors=True)
