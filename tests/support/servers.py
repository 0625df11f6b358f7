"""Real servers for tests: started on a free port, watched, and ended by their process id."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 20
STOP_SECONDS = 20


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def command(kind: str, port: int, *arguments: str, app: str = "wsgi:app") -> list[str]:
    """The command line of ``gunicorn`` or ``flask``, as the README has it."""
    if kind == "flask":
        flask = [sys.executable, "-m", "flask", "--app", app]
        return [*flask, "run", "--port", str(port), *arguments]
    gunicorn = [sys.executable, "-m", "gunicorn", app]
    return [*gunicorn, "--bind", f"127.0.0.1:{port}", *arguments]


def environment(**settings: object) -> dict[str, str]:
    """This process's environment with nothing of ours in it but ``settings``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "GUNICORN_"))}
    ours = {f"FLASK_ECHO_{name}": str(value) for name, value in settings.items()}
    # A warning in the server is a failure too, as it is in the tests.
    return {**inherited, "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1", **ours}


class Server:
    """One running server; leave the context, or call :meth:`stop`, to end it.

    :param kind: ``gunicorn`` or ``flask``.
    :param arguments: more words for its command line.
    :param app: the application.
    :param settings: settings by their name without prefix.
    """

    def __init__(
        self, kind: str, *arguments: str, app: str = "wsgi:app", **settings: object
    ) -> None:
        self.kind = kind
        self.port = free_port()
        scheme = "https" if "--certfile" in arguments or "--cert" in arguments else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.ws_url = self.url.replace("http", "ws", 1)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # stop() closes it
        self._last_words: str | None = None
        self.process = subprocess.Popen(
            command(kind, self.port, *arguments, app=app),
            cwd=ROOT,
            env=environment(**settings),
            stdout=self._log,
            stderr=subprocess.STDOUT,
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
        try:
            # A server that listens may not serve yet: gunicorn's socket is there first.
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return "https" in self.url or urlopen(f"{self.url}/healthz", timeout=5).status == 200

    def describe(self) -> str:
        """What a failure should say about this server."""
        return f"{self.process.args!r} said:\n{self.output()}"

    def output(self) -> str:
        """All that it has printed so far."""
        if self._last_words is not None:
            return self._last_words
        return os.pread(self._log.fileno(), 10**8, 0).decode()

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
