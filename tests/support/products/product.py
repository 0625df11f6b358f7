"""A proxy that tests put in front of a server, with one configuration for each fault.

In a configuration these words stand for what a test knows only when it starts the proxy:

| word | stands for |
|---|---|
| ``PLACE`` | a folder of the proxy's own |
| ``PORT`` | where the proxy listens on 127.0.0.1 |
| ``BACKEND`` | the server, as host:port |
| ``SECOND`` | another server with the same application, as host:port |
| ``DEAD`` | an address where nobody listens, as host:port |
| ``SILENT`` | an address that accepts connections and never answers, as host:port |
| ``CERTIFICATE``, ``KEY`` | files in PEM, for the name localhost and the address 127.0.0.1 |

With ``_HOST`` or ``_PORT`` after it, such as ``BACKEND_PORT``, the word stands for that part.
"""

import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.required import give_up, program
from tests.support.servers import START_SECONDS, STOP_SECONDS, free_port
from tests.support.waiting import wait_until

_SECONDS = 2
_ADDRESSES = ("BACKEND", "SECOND", "DEAD", "SILENT")


@dataclass(frozen=True)
class Product:
    """A proxy that can be started.

    :ivar programs: names of its program, of which one is enough.
    :ivar words: returns the command after the program, for a configuration file and a port.
    :ivar file: the name of the configuration file.
    :ivar configuration: the whole file; ``LINES`` in it stands for the lines of a fault.
    :ivar correct: lines with which everything works.
    :ivar faults: lines with one fault, by the fault's name.
    :ivar cured: for a fault, the lines after somebody has pasted its cure: ``CURE`` stands for the
        cure. A fault whose lines need nothing but the cure has ``CURE`` alone.
    :ivar impossible: why this product cannot have a fault, by the fault's name.
    :ivar reload: makes a running proxy load its configuration anew, as an operator would. None if
        that cuts no connection.
    :ivar is_ready: takes the port, and returns whether the configuration is in effect. Some
        products listen earlier.
    :ivar needs: returns why it cannot be started here, or None; for more than a program.
    """

    programs: tuple[str, ...]
    words: Callable[[Path, int], list[str]]
    configuration: str
    correct: str
    faults: Mapping[str, str]
    cured: Mapping[str, str] = field(default_factory=dict)
    impossible: Mapping[str, str] = field(default_factory=dict)
    file: str = "configuration"
    reload: Callable[["Running"], None] | None = None
    is_ready: Callable[[int], bool] = lambda port: True
    needs: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class Running:
    """A proxy that runs.

    :ivar port: where it listens on 127.0.0.1.
    :ivar place: its folder, with its configuration.
    :ivar words: the command that started it.
    """

    process: "subprocess.Popen[bytes]"
    port: int
    place: Path
    words: list[str]

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(sign)

    def log(self) -> str:
        """All that it has printed."""
        return (self.place / "log").read_text(errors="replace")


@contextmanager
def running(product: Product, lines: str, **known: str) -> Iterator[Running]:
    """Run a product with these lines, in front of a server.

    Without its program the test is skipped, or fails if nothing may be missing.

    :param known: what the words of a configuration stand for, in lower case: ``backend`` at least.
    """
    if reason := product.needs():
        give_up(reason)
    binary, port = program(*product.programs), free_port()
    with TemporaryDirectory(prefix="proxy-") as place:
        Path(place).chmod(0o755)  # Some start as root, and then change their user.
        text = product.configuration.replace("LINES", lines)
        file = Path(place, product.file)
        file.write_text(filled(text, place=place, port=str(port), **known))
        words = [binary, *product.words(file, port)]
        with _started(words, port, Path(place)) as process:
            wait_until(lambda: product.is_ready(port), START_SECONDS)
            yield Running(process, port, Path(place), words)


def answers(port: int, path: str) -> Iterator[bytes]:
    """Yield the responses to plain GETs, with TLS and without."""
    for wrap in (_insecure, _plain):
        try:
            with wrap(socket.create_connection(("127.0.0.1", port), _SECONDS)) as sock:
                sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                yield b"".join(iter(lambda: sock.recv(65_536), b""))
        except OSError:
            continue


def _plain(sock: socket.socket) -> socket.socket:
    return sock


def _insecure(sock: socket.socket) -> socket.socket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(sock)


def filled(text: str, **known: str) -> str:
    """Put what is known into a configuration; see the docstring of this module."""
    values = {name.upper(): value for name, value in known.items()}
    for name in _ADDRESSES:
        if name in values:
            host, _, port = values[name].rpartition(":")
            values |= {f"{name}_HOST": host, f"{name}_PORT": port}
    # The longest first: BACKEND is a part of BACKEND_PORT.
    names = sorted(values, key=len, reverse=True)
    pattern = rf"\b(?:{'|'.join(map(re.escape, names))})\b"
    return re.sub(pattern, lambda match: values[match[0]], text)


@contextmanager
def _started(words: list[str], port: int, place: Path) -> Iterator["subprocess.Popen[bytes]"]:
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, cwd=place)
    try:
        wait_until(lambda: _listens(process, port, log), START_SECONDS, log.read_text)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, f"ended at once\n{log.read_text(errors='replace')}"
    return listens(port)


def listens(port: int) -> bool:
    """Return whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
