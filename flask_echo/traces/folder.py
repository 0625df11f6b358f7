"""The private folder for traces, which all workers of one master share.

gunicorn's master calls :func:`shared_folder` before it forks. The folder goes with the process that
made it. gunicorn's master imports this module, so it imports nothing of the application.
"""

from functools import cache

from flask_echo.private_folder import private_folder


@cache
def shared_folder() -> str:
    """Return the folder of this process and those that it forks later. ``TMPDIR`` says where.

    :raises OSError: if it cannot be made.
    """
    return private_folder("flask-echo-traces-")
