"""The loads: what the clients do in each, and what is read off."""

import contextlib
import http.client
import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bench import load as generator
from bench.deflated import (
    DeflatedExchange,
    DeflatedMessage,
    agreed_extension,
    json_text,
)
from bench.exchange import Exchange
from bench.load import Outcome, Target, percentile
from bench.measure import Cores, ServerProcess
from bench.servers import DEFAULTS, FAST, Server
from bench.wire import BINARY, Message

# Part of the measuring time that goes by before it: threads exist, buffers have grown.
WARM_UP = 0.15
PAGE_REQUESTS = 50
PAGE_TIMEOUT_SECONDS = 5.0
NAN = math.nan


@dataclass(frozen=True)
class Figures:
    """What one measurement found, in seconds and bytes; NaN is what its load does not have.

    `rate` is messages per second (open-close: connections; held: connections opened), `cpu` the
    server's CPU time for each, `lost` and `starved` count connections, `why` tells the reasons of
    the lost ones. `foreign` is the share of both cores that other processes took meanwhile, and
    `stolen` the share that the host took of the one it took more of. With compression, `reply` is
    the length of a reply on the wire, and `extension` what the server has agreed to.
    """

    rate: float = NAN
    cpu: float = NAN
    p50: float = NAN
    p99: float = NAN
    memory: float = NAN
    page_p50: float = NAN
    page_max: float = NAN
    foreign: float = NAN
    stolen: float = NAN
    reply: float = NAN
    lost: int = 0
    starved: int = 0
    why: str = ""
    extension: str = ""


@dataclass(frozen=True)
class Load:
    """A load: `play` runs it against a server, with these many connections and this message.

    `open_seconds` bounds the opening of all connections. `repeats` is False where one round says
    as much as several. `without` names the servers that take no part: by default the one that
    differs from this project's under compression only.
    """

    name: str
    summary: str
    play: Callable[["Run"], Figures]
    unit: str = "messages"
    connections: int = 1
    message: Message = field(default=Message.of(32), repr=False)
    window: int = 1
    open_seconds: float = 20.0
    repeats: bool = True
    without: Collection[str] = (FAST,)

    def reduced(self) -> "Load":
        """The same with a tenth of the connections if they are many, for a smoke run."""
        few = self.connections // 10
        if few < 64:
            return self
        return replace(self, connections=few, summary=f"{self.summary} (here only {few:,})")


@dataclass(frozen=True)
class Run:
    """One load against one running server. The message is the load's, perhaps compressed."""

    server: Server
    process: ServerProcess
    target: Target
    load: Load
    message: Message
    seconds: float
    cores: Cores

    def open(self) -> Outcome:
        """Open the load's connections; all of them, or it has failed."""
        opened = generator.open_connections(
            self.target,
            self.load.connections,
            self.message,
            seconds=self.load.open_seconds,
            spin=self.cores.apart,
        )
        if opened.completed < self.load.connections:
            opened.close()
            raise self.process.failed(
                f"opened {opened.completed:,} of {self.load.connections:,} connections in"
                f" {opened.seconds:.0f} s: {_reasons(opened.failures) or 'no time left'}"
            )
        return opened

    def exchange(self, sockets: Iterable[socket.socket]) -> Exchange:
        """Begin the exchange of the message on open connections."""
        window, spin = self.load.window, self.cores.apart
        if isinstance(self.message, DeflatedMessage):
            return DeflatedExchange(sockets, self.message, window=window, spin=spin)
        return Exchange(sockets, self.message, window=window, spin=spin)


@dataclass
class Meter:
    """CPU time over an interval: the server's, and what others took from these two cores."""

    server: float = 0.0
    foreign: float = 0.0
    stolen: float = 0.0


@contextlib.contextmanager
def metered(run: Run) -> Iterator[Meter]:
    """Fill a `Meter` for the block."""
    meter = Meter()
    began, busy, own = time.perf_counter(), run.cores.busy_seconds(), time.process_time()
    server, stolen = run.process.cpu_seconds(), run.cores.stolen_seconds()
    yield meter
    meter.server = run.process.cpu_seconds() - server
    own, busy = time.process_time() - own, run.cores.busy_seconds() - busy
    elapsed = time.perf_counter() - began
    taken = zip(stolen, run.cores.stolen_seconds(), strict=True)
    meter.stolen = max(after - before for before, after in taken) / elapsed
    meter.foreign = max(0.0, busy - own - meter.server) / (elapsed * (2 if run.cores.apart else 1))


def play_exchange(run: Run) -> Figures:
    """Messages to and fro on connections that stay."""
    with run.exchange(run.open().sockets) as exchange:
        exchange.run(run.seconds * WARM_UP)
        with metered(run) as meter:
            traffic = exchange.run(run.seconds)
    return Figures(
        rate=traffic.messages / traffic.seconds,
        cpu=_each(meter.server, traffic.messages),
        p50=percentile(traffic.latencies, 0.50),
        p99=percentile(traffic.latencies, 0.99),
        foreign=meter.foreign,
        stolen=meter.stolen,
        lost=traffic.dropped.total(),
        starved=traffic.starved,
        why=_reasons(traffic.dropped),
    )


def play_deflated(run: Run) -> Figures:
    """Compressed messages to and fro, and how the server compresses."""
    assert isinstance(run.message, DeflatedMessage)
    return replace(
        play_exchange(run),
        reply=run.message.reply_bytes(),
        extension=agreed_extension(run.target),
    )


def play_open_close(run: Run) -> Figures:
    """Whole lives of connections: handshake, one message, close handshake, end of TCP."""

    def churn(seconds: float) -> Outcome:
        return generator.open_and_close(
            run.target,
            run.message,
            width=run.load.connections,
            seconds=seconds,
            spin=run.cores.apart,
        )

    churn(run.seconds * WARM_UP)
    with metered(run) as meter:
        outcome = churn(run.seconds)
    return Figures(
        rate=outcome.completed / outcome.seconds,
        cpu=_each(meter.server, outcome.completed),
        p50=percentile(outcome.latencies, 0.50),
        p99=percentile(outcome.latencies, 0.99),
        foreign=meter.foreign,
        stolen=meter.stolen,
        lost=outcome.failures.total(),
        why=_reasons(outcome.failures),
    )


def play_held(run: Run) -> Figures:
    """Idle connections: their memory, pages served beside them, and whether they still answer."""
    _page_seconds(run, 1)  # Memory that the first page takes is not the connections'.
    before = run.process.resident_bytes()
    with metered(run) as meter:
        opened = run.open()
    memory = (run.process.resident_bytes() - before) / run.load.connections
    pages, trouble = _page_seconds(run, PAGE_REQUESTS)
    time.sleep(run.seconds)
    alive = generator.still_answering(
        opened.sockets, run.message, seconds=run.load.open_seconds, spin=run.cores.apart
    )
    alive.close()
    return Figures(
        rate=opened.completed / opened.seconds,
        cpu=_each(meter.server, opened.completed),
        memory=memory,
        page_p50=percentile(pages, 0.50),
        page_max=percentile(pages, 1.0),
        foreign=meter.foreign,
        stolen=meter.stolen,
        lost=opened.completed - alive.completed,
        why="; ".join(filter(None, [trouble, _reasons(alive.failures)])),
    )


def _page_seconds(run: Run, count: int) -> tuple[list[float], str]:
    """Ask for the page `count` times, each on a new connection.

    Returns the times in order of size, and what went wrong, which ends it.
    """
    seconds: list[float] = []
    for _ in range(count if run.server.page else 0):
        began = time.perf_counter()
        try:
            status = _page_status(run.target)
        except (OSError, http.client.HTTPException) as error:
            return sorted(seconds), f"no page: {error}"
        if status != http.HTTPStatus.OK:
            return sorted(seconds), f"the page answered {status}"
        seconds.append(time.perf_counter() - began)
    return sorted(seconds), ""


def _page_status(target: Target) -> int:
    client = http.client.HTTPConnection(target.host, target.port, timeout=PAGE_TIMEOUT_SECONDS)
    with contextlib.closing(client):
        client.request("GET", "/", headers={"Connection": "close"})
        response = client.getresponse()
        response.read()
        return response.status


def _each(total: float, count: int) -> float:
    return total / count if count else NAN


def _reasons(failures: Mapping[str, int]) -> str:
    most_common = Counter(failures).most_common(2)
    return "; ".join(f"{count:,} x {reason}" for reason, count in most_common)


# The bytes of these large messages repeat, and would shrink to nothing.
_REPEATING = (DEFAULTS, FAST)
# It echoes each frame, so a fragment is a message of its own.
_BY_FRAME = "picows"
# These have no permessage-deflate.
_UNCOMPRESSED = ("gunicorn-asgi", "picows")

LOADS = (
    Load("1", "1 connection, 32 bytes, one message at a time", play_exchange),
    Load("64", "64 connections, 32 bytes, one in flight on each", play_exchange, connections=64),
    Load(
        "64x16",
        "64 connections, 32 bytes, 16 in flight on each",
        play_exchange,
        connections=64,
        window=16,
    ),
    Load(
        "2000",
        "2,000 busy connections, 32 bytes, one in flight on each",
        play_exchange,
        connections=2_000,
    ),
    Load(
        "64KiB",
        "1 connection, binary messages of 64 KiB, one at a time",
        play_exchange,
        message=Message.of(64 * 1024, BINARY),
        without=_REPEATING,
    ),
    Load(
        "1MiB",
        "1 connection, binary messages of 1 MiB, one at a time",
        play_exchange,
        message=Message.of(1024 * 1024, BINARY),
        without=_REPEATING,
    ),
    Load(
        "1MiB-fragments",
        "1 connection, binary messages of 1 MiB in 16 fragments, one at a time",
        play_exchange,
        message=Message.of(1024 * 1024, BINARY).in_fragments(64 * 1024),
        without=(*_REPEATING, _BY_FRAME),
    ),
    Load(
        "64KiB-json",
        "1 connection, compressed texts of 64 KiB of JSON, one at a time",
        play_deflated,
        message=DeflatedMessage.containing(json_text(64 * 1024)),
        without=_UNCOMPRESSED,
    ),
    Load(
        "open-close",
        "Whole lives of connections, 16 at a time: handshake, a message, close, end of TCP",
        play_open_close,
        unit="connections",
        connections=16,
    ),
    Load(
        "10000-held",
        "10,000 idle connections, each opened with one message and asked again at the end",
        play_held,
        unit="connections opened",
        connections=10_000,
        open_seconds=90.0,
        repeats=False,
    ),
)
