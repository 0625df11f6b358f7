"""Real servers for tests: started on a free port, watched, and ended by their process id.

A server chooses its port itself and prints it, so that no two of them race for one.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from tests.support.tls import trusting
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 20
STOP_SECONDS = 20

# In PYTHONPATH, these folders hide the packages websockets and prometheus_client.
WITHOUT_WEBSOCKETS = ROOT / "tests/support/without_websockets"
WITHOUT_PROMETHEUS = ROOT / "tests/support/without_prometheus"

# The kernel gives ports from 32768 on to outgoing connections, so these stay free for longer.
_PORTS = range(10_000, 32_768)

# Where gunicorn, flask run and flask-echo say on which port they listen.
_ADDRESS = re.compile(r"(?:Listening at:|Running on|Serving on) ((https?)://\S+:(\d+))")

# Variables of the person who runs the tests, which would change a server.
_PREFIXES = ("FLASK_", "GUNICORN_")
_NAMES = {"HOST", "PORT", "WEB_CONCURRENCY", "CERTFILE", "KEYFILE"}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on. A server should choose its own: 0."""
    chooser = random.SystemRandom()  # Hypothesis seeds the other one.
    while True:
        port = chooser.choice(_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


@contextmanager
def port_of_nobody() -> Iterator[int]:
    """Yield a port of 127.0.0.1 that nobody listens on. Meanwhile nobody else can take it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield int(sock.getsockname()[1])


def command(kind: str, *arguments: str, app: str = "wsgi:app") -> list[str]:
    """Return the command line of ``gunicorn``, ``flask`` or ``flask-echo``, as the README has it.

    :param app: the application. The command knows only one.
    """
    words = {
        "gunicorn": ["gunicorn", app, "--bind", "127.0.0.1:0"],
        "flask": ["flask", *(["--app", app] if app != "wsgi:app" else []), "run", "--port", "0"],
        "flask-echo": ["flask_echo", "--port", "0"],
    }
    return [sys.executable, "-m", *words[kind], *arguments]


def environment(**settings: object) -> dict[str, str]:
    """This process's environment with nothing of ours in it but ``settings``."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_PREFIXES) and name not in _NAMES
    }
    ours = {f"FLASK_ECHO_{name}": str(value) for name, value in settings.items()}
    # A warning in the server is a failure too, as it is in the tests.
    return {**inherited, "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1", **ours}


def run_to_its_end(
    words: list[str],
    cwd: Path = ROOT,
    variables: Mapping[str, str] | None = None,
    **settings: object,
) -> subprocess.CompletedProcess[str]:
    """Run a command that should end by itself, such as a server that does not start."""
    return subprocess.run(
        words,
        cwd=cwd,
        env=environment(**settings) | dict(variables or {}),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )


class Server:
    """One running server; leave the context, or call :meth:`stop`, to end it.

    :param kind: ``gunicorn``, ``flask`` or ``flask-echo``.
    :param arguments: more words for its command line.
    :param app: the application.
    :param health: a path of the application. The server is up when it answers there.
    :param words: the whole command line, in place of the one for ``kind``.
    :param cwd: where it is started.
    :param variables: environment variables.
    :param port: the port that its arguments name, if it cannot print the one that it chose.
    :param stdout: a descriptor in place of the file whose text :meth:`output` returns.
    :param stderr: the same for its other stream.
    :param settings: settings by their name without prefix.
    """

    def __init__(
        self,
        kind: str,
        *arguments: str,
        app: str = "wsgi:app",
        health: str = "/healthz",
        words: list[str] | None = None,
        cwd: Path = ROOT,
        variables: Mapping[str, str] | None = None,
        port: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        **settings: object,
    ) -> None:
        self.kind = kind
        self._known_port = port
        self._health = health
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # stop() closes it
        self._last_words: str | None = None
        self.process = subprocess.Popen(
            words or command(kind, *arguments, app=app),
            cwd=cwd,
            env=environment(**settings) | dict(variables or {}),
            stdout=self._log if stdout is None else stdout,
            stderr=self._log if stderr is None else stderr,
            # Its own group, so that a test can press Ctrl-C on it and on nothing else.
            start_new_session=True,
        )
        try:
            wait_until(self._is_up, START_SECONDS, self.describe)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"ended at once with {self.process.returncode}\n{self.output()}")
        printed = _ADDRESS.search(self.output())
        if self._known_port is not None:
            scheme, self.port = "http", self._known_port
            self.url = f"http://127.0.0.1:{self.port}"
        elif printed is not None:
            self.url, scheme, self.port = printed[1], printed[2], int(printed[3])
        else:
            return False
        self.is_tls = scheme == "https"
        self.ws_url = self.url.replace("http", "ws", 1)
        return self._answers()

    def _answers(self) -> bool:
        # A server that listens may not serve yet: gunicorn's socket is there first.
        try:
            context = trusting() if self.is_tls else None
            answer = urlopen(f"{self.url}{self._health}", timeout=5, context=context)
            return bool(answer.status == 200)
        except OSError:
            return False

    def describe(self) -> str:
        """What a failure should say about this server."""
        return f"{self.process.args!r} said:\n{self.output()}"

    def output(self) -> str:
        """All that it has printed so far."""
        if self._last_words is not None:
            return self._last_words
        return os.pread(self._log.fileno(), 10**8, 0).decode()

    def await_output(self, text: str) -> None:
        """Wait until it has printed ``text``. Another thread writes the log, a little later."""
        wait_until(lambda: text in self.output(), describe=self.describe)

    def press(self, sign: int) -> None:
        """Send a signal to all its processes, as a terminal does on Ctrl-C."""
        os.killpg(self.process.pid, sign)

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """End it, if it has not ended yet, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"did not stop\n{self.describe()}") from None
        finally:
            if self._last_words is None:
                self._last_words = self.output()
                self._log.close()


StartServer = Callable[..., Server]
