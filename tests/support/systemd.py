"""The part of systemd that the files in ``deploy/`` ask for, without systemd.

A socket outlives the services that it is passed to (sd_listen_fds(3)). Each of them says when it is
ready (sd_notify(3)).
"""

import os
import signal
import socket
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

from tests.support.servers import ROOT, START_SECONDS, STOP_SECONDS, environment

DEPLOY = ROOT / "deploy"
SERVICE, SOCKET = DEPLOY / "flask-echo.service", DEPLOY / "flask-echo.socket"

# Pass the descriptor of the first argument as the first one of systemd, and become the command.
_PASS = """
import os, sys
descriptor = int(sys.argv[1])
os.dup2(descriptor, 3)
if descriptor != 3:
    os.close(descriptor)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""

# gunicorn 27.0.1 leaves an object of the inherited socket to the garbage collector.
_WARNINGS = {"PYTHONWARNINGS": "error,ignore::ResourceWarning"}


def section(unit: Path, name: str) -> dict[str, str]:
    """Return the entries of a section of a unit. If one is repeated, the last."""
    parser = RawConfigParser(strict=False, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment]  # Names keep their capital letters.
    parser.read_string(unit.read_text())
    return dict(parser[name])


class Activated:
    """The service on a socket that it inherits.

    :param place: a directory for its files.
    :param variables: environment variables.
    """

    def __init__(self, place: Path, variables: dict[str, str]) -> None:
        self._place = place
        self._variables = variables
        self._log = (place / "log").open("ab")
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(int(section(SOCKET, "Socket")["Backlog"]))
        self.process: subprocess.Popen[bytes] | None = None

    def connect(self) -> socket.socket:
        """Connect a client. It may have to wait for the service."""
        return socket.create_connection(self.listener.getsockname(), START_SECONDS)

    def start(self) -> None:
        """Start the service, and wait until it says that it is ready."""
        (program,) = section(SERVICE, "Service")["ExecStart"].split()
        assert Path(program).name == "flask-echo"
        words = [sys.executable, "-c", _PASS, str(self.listener.fileno())]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            name = self._place / "notify"
            name.unlink(missing_ok=True)
            notify.bind(str(name))
            notify.settimeout(START_SECONDS)
            own = {"NOTIFY_SOCKET": str(name), "TMPDIR": str(self._place), **_WARNINGS}
            self.process = subprocess.Popen(
                [*words, sys.executable, "-m", "flask_echo"],
                cwd=ROOT,
                env=environment() | own | self._variables,
                pass_fds=[self.listener.fileno()],
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
            assert b"READY=1" in notify.recv(4096).split(b"\n"), self.output()

    def stop(self) -> int:
        """Stop the main process, and wait for its end. The socket stays."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"did not stop\n{self.output()}") from None

    def output(self) -> str:
        """Return all that its services have printed."""
        return (self._place / "log").read_text()

    def close(self) -> None:
        """End what is left."""
        if self.process is not None:
            self.stop()
        self.listener.close()
        self._log.close()
