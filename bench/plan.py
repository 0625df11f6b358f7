"""The order of the measurements, and each of them from a fresh server to its record."""

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.deflated import OFFER, DeflatedMessage
from bench.load import Target, open_connections
from bench.measure import Cores, ServerFailed, free_port, running
from bench.scenarios import Figures, Load, Run
from bench.servers import Server
from bench.wire import Message

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 20.0
COMPILE_SECONDS = 60.0


@dataclass(frozen=True)
class Record:
    """One measurement: its figures, or why there are none (`failure`; `output` has the details)."""

    round: int
    load: str
    server: str
    figures: Figures | None = None
    failure: str = ""
    output: str = ""


@dataclass(frozen=True)
class Plan:
    """What to measure: every load on every server, `rounds` times, `seconds` each.

    `directory` is for the compiled ceiling and the frames that the servers without a protocol
    answer with.
    """

    loads: Sequence[Load]
    servers: Sequence[Server]
    rounds: int
    seconds: float
    cores: Cores
    directory: Path

    def __iter__(self) -> Iterator[tuple[int, Load, Server]]:
        """Yield round, load and server; servers alternate, so that a slow minute hits them all."""
        for round_ in range(1, self.rounds + 1):
            for load in self.loads:
                if round_ == 1 or load.repeats:
                    for server in self.servers:
                        if server.name not in load.without:
                            yield round_, load, server

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def run(self) -> Iterator[Record]:
        """Measure all of it; a failure, also one of this side, is a result like others."""
        for round_, load, server in self:
            where = (round_, load.name, server.name)
            try:
                yield Record(*where, self._measure(load, server))
            except ServerFailed as error:
                yield Record(*where, failure=str(error), output=error.output)
            except OSError as error:
                yield Record(*where, failure=f"the load generator failed: {error.strerror}")

    def _measure(self, load: Load, server: Server) -> Figures:
        """Start the server, play the load on it, end it."""
        message, offer = load.message, ""
        if server.clients_compress or isinstance(message, DeflatedMessage):
            # A new one for each server: it remembers the replies.
            message = DeflatedMessage.containing(message.payload, message.opcode)
            offer = OFFER
        target = Target(free_port(), offer=offer)
        values = self._values(message) | {"port": str(target.port)}
        if "{ceiling}" in server.command:
            values["ceiling"] = str(self._ceiling)
        command = [part.format_map(values) for part in server.command.split()]
        with running(command, server.environment, ROOT, self.cores.server) as process:
            process.wait_until(lambda: self._trouble(target, message), START_SECONDS)
            return load.play(Run(server, process, target, load, message, self.seconds, self.cores))

    def _trouble(self, target: Target, message: Message) -> str:
        """Try one connection; return why it failed, or nothing."""
        spin = self.cores.apart
        opened = open_connections(target, 1, message, seconds=START_SECONDS, spin=spin)
        opened.close()
        return "" if opened.completed else "; ".join(opened.failures) or "no answer"

    def _values(self, message: Message) -> dict[str, str]:
        reply = self.directory / "reply"
        reply.write_bytes(message.reply)
        return {
            "python": sys.executable,
            "frame_bytes": str(len(message.frame)),
            "reply": str(reply),
        }

    @functools.cached_property
    def _ceiling(self) -> Path:
        """Compile the ceiling when it is first needed."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise ServerFailed("skipped: there is no C compiler (cc)", "")
        program = self.directory / "ceiling"
        source = ROOT / "bench" / "servers" / "ceiling.c"
        done = subprocess.run(
            [compiler, "-O2", "-o", program, source],
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ServerFailed("skipped: it could not be compiled", done.stderr)
        return program
