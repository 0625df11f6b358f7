"""The command ``flask-echo``. Without a subcommand, it serves."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from flask_echo import __version__
from flask_echo.listening import HIGHEST_PORT, require_free
from flask_echo.startup import refuse


@click.group(invoke_without_command=True)
@click.option(
    "--host",
    envvar="HOST",
    default="127.0.0.1",
    show_default=True,
    show_envvar=True,
    help="Address to listen on; 0.0.0.0 serves other machines, too.",
)
@click.option(
    "--port",
    envvar="PORT",
    default=8080,
    type=click.IntRange(0, HIGHEST_PORT),
    show_default=True,
    show_envvar=True,
    help="Port to listen on; 0 is any free port.",
)
@click.option(
    "--workers",
    envvar="WEB_CONCURRENCY",
    default=1,
    type=click.IntRange(min=1),
    show_default=True,
    show_envvar=True,
    help="Number of worker processes. One uses one core.",
)
@click.version_option(__version__, prog_name="flask-echo")
@click.pass_context
def cli(context: click.Context, host: str, port: int, workers: int) -> None:
    """Serve the WebSocket echo service with gunicorn, until Ctrl-C.

    Environment variables with the prefix FLASK_ECHO_ are its settings; GUNICORN_CMD_ARGS holds more
    options for gunicorn, such as "--certfile cert.pem --keyfile key.pem".
    """
    if context.invoked_subcommand is None:
        serve(host, port, workers)


def serve(host: str, port: int, workers: int) -> NoReturn:
    """Become gunicorn. The process stays the same, so a signal to the command reaches gunicorn."""
    if "LISTEN_FDS" not in os.environ:  # systemd has not opened the socket.
        require_free(host, port)
    os.environ.update(HOST=host, PORT=str(port), WEB_CONCURRENCY=str(workers))
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:flask_echo.serve_conf"]
    os.execv(sys.executable, [*gunicorn, "flask_echo:create_app()"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code. An error in its arguments is one line.

    :param arguments: the words after the command's name; by default those of the process.
    """
    try:
        code = cli.main(arguments, prog_name="flask-echo", standalone_mode=False)
    except click.ClickException as error:
        refuse(error.format_message())
    return int(code or 0)
