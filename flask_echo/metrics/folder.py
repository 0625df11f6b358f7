"""The private folder for figures, which all workers of one master share.

gunicorn's master makes it before it forks. Without a master, as under ``flask run``, there is none:
one process needs no folder to sum up its figures. gunicorn's master imports this module, so it
imports nothing of the application.
"""

from contextlib import suppress

from flask_echo.private_folder import private_folder

_PREFIX = "flask-echo-metrics-"
# Linux keeps these files in memory. A figure is written four times a second.
_IN_MEMORY = "/dev/shm"

_folder: str | None = None


def make_shared_folder(uid: int, gid: int) -> None:
    """Make the folder of this process and those that it forks later: in memory, if possible.

    :param uid: the user of the workers.
    :param gid: their group.
    :raises OSError: if it cannot be made.
    """
    global _folder
    _folder = _make(uid, gid)


def _make(uid: int, gid: int) -> str:
    with suppress(OSError):
        return private_folder(_PREFIX, _IN_MEMORY, uid, gid)
    return private_folder(_PREFIX, uid=uid, gid=gid)


def shared_folder() -> str | None:
    """Return the folder that the master has made, or None without a master."""
    return _folder
