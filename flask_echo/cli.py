"""The command ``flask-echo``. Without a subcommand, it serves."""

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, cast

import click

from flask_echo import __version__
from flask_echo.listening import HIGHEST_PORT, require_free
from flask_echo.startup import refuse

if TYPE_CHECKING:
    from flask_echo.probe.target import Target

# RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = {"host", "upgrade", "connection", "origin"}


def _file_name(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    # An empty variable of a shell must not turn TLS off.
    if name == "":
        raise click.BadParameter("it must not be empty: name a file", context, parameter)
    return name


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
@click.option(
    "--certfile",
    envvar="CERTFILE",
    metavar="FILE",
    callback=_file_name,
    show_envvar=True,
    help="Certificate and its chain in PEM, for https: and wss:.",
)
@click.option(
    "--keyfile",
    envvar="KEYFILE",
    metavar="FILE",
    callback=_file_name,
    show_envvar=True,
    help="Private key of the certificate in PEM, without a password.",
)
@click.version_option(__version__, prog_name="flask-echo")
@click.pass_context
def cli(
    context: click.Context, host: str, port: int, workers: int,
    certfile: str | None, keyfile: str | None,
) -> None:  # fmt: skip
    """Serve the WebSocket echo service with gunicorn, until Ctrl-C.

    Environment variables with the prefix FLASK_ECHO_ are its settings; GUNICORN_CMD_ARGS holds more
    options for gunicorn, such as "--access-logfile -".
    """
    if context.invoked_subcommand is None:
        serve(host, port, workers, certfile, keyfile)


def _subprotocols(
    context: click.Context, parameter: click.Parameter, names: Sequence[str]
) -> Sequence[str]:
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise click.BadParameter(
                f"{name!r} is no token (RFC 6455, section 4.1, item 10)", context, parameter
            )
    return names


def _target(context: click.Context, parameter: click.Parameter, text: str) -> "Target":
    # Only here: the server needs none of the probe.
    from flask_echo.probe.target import BadAddress, parse

    try:
        return parse(text)
    except BadAddress as error:
        raise click.BadParameter(str(error), context, parameter) from None


def _headers(
    context: click.Context, parameter: click.Parameter, lines: Sequence[str]
) -> list[tuple[str, str]]:
    headers = [tuple(map(str.strip, line.partition(":")[::2])) for line in lines]
    for line, header in zip(lines, headers, strict=True):
        if ":" not in line or not _TOKEN.fullmatch(header[0]) or not header[1].isascii():
            raise click.BadParameter(f"{line!r} must be 'Name: value' in ASCII", context, parameter)
        if header[0].lower() in _OWN_HEADERS or header[0].lower().startswith("sec-websocket-"):
            raise click.BadParameter(
                f"{header[0]} belongs to the handshake; see --origin and --subprotocol",
                context,
                parameter,
            )
    return cast(list[tuple[str, str]], headers)


def _checks(context: click.Context, parameter: click.Parameter, text: str | None) -> list[str]:
    from flask_echo.probe.plan import NAMES

    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            raise click.BadParameter(
                f"{name!r} is no check: use some of {', '.join(NAMES)}", context, parameter
            )
    return names


@cli.command("probe")
@click.argument("target", metavar="URL", callback=_target)
@click.option(
    "--idle",
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    help="Also wait so long for something to cut an idle connection.",
)
@click.option("--only", metavar="NAMES", callback=_checks, help="Run only these checks: a,b,c.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--junit", "form", flag_value="junit", help="Print JUnit XML.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    callback=_headers,
    metavar="'NAME: VALUE'",
    help="Send this header, too; can be repeated.",
)
@click.option("--origin", help="Origin to send; by default that of the URL, and '' for none.")
@click.option(
    "--subprotocol",
    "subprotocols",
    multiple=True,
    callback=_subprotocols,
    help="Offer it; can be repeated.",
)
@click.option("--insecure", is_flag=True, help="Accept any certificate.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 30),
    default=5.0,
    show_default=True,
    help="Seconds to wait for each answer.",
)
@click.pass_context
def probe(
    context: click.Context, target: "Target", idle: float | None, only: list[str],
    form: str | None, headers: list[tuple[str, str]], origin: str | None,
    subprotocols: tuple[str, ...], insecure: bool, timeout: float,
) -> None:  # fmt: skip
    """Test the WebSocket at URL, and name what blocks it.

    URL begins with ws:, wss:, http: or https:. A page that ends with a slash stands for the
    WebSocket "echo" beside it. Redirects are shown, not followed.

    The exit code is 0 if nothing is bad, 1 if something is bad or there is no connection, and 2 for
    a wrong argument.
    """
    from flask_echo.probe.plan import Plan

    try:
        from flask_echo.probe.command import probe as run
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        raise click.ClickException(
            f"the probe needs the package {package}: pip install {package}"
        ) from None
    code = run(
        target, Plan(only, idle or 0.0), form=form or "", headers=headers, origin=origin,
        subprotocols=subprotocols, insecure=insecure, timeout=timeout,
    )  # fmt: skip
    context.exit(code)


def serve(
    host: str, port: int, workers: int, certfile: str | None, keyfile: str | None
) -> NoReturn:
    """Become gunicorn. The process stays the same, so a signal to the command reaches gunicorn.

    :param certfile: the certificate. Without it and its key, the service speaks plain HTTP.
    :param keyfile: its private key.
    """
    if "LISTEN_FDS" not in os.environ:  # systemd has not opened the socket.
        require_free(host, port)
    os.environ.update(HOST=host, PORT=str(port), WEB_CONCURRENCY=str(workers))
    os.environ.update(CERTFILE=certfile or "", KEYFILE=keyfile or "")
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
