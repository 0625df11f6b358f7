"""The private folder for traces, which all workers of one master share.

gunicorn's master calls :func:`shared_folder` before it forks. The folder goes with the process that
made it. gunicorn's master imports this module, so it imports nothing of the application.
"""

import atexit
import os
import shutil
import tempfile
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
    if os.getpid() == owner:  # Workers inherit this function.
        shutil.rmtree(folder, ignore_errors=True)
