"""What must be said about each fault. This was written before the cells ran.

A cell is a product with a fault. ``check`` and ``id`` name the verdict, in the words of
flask_echo/diagnosis/rules. Any other verdict that accuses somebody makes the cell wrong.
"""

from typing import NamedTuple


class Expectation(NamedTuple):
    """What must be said.

    :ivar check: which check must say it.
    :ivar ids: the verdict, or several if each of them is right.
    :ivar only: the checks that a run needs; the connection is always checked.
    :ivar path: what is probed.
    :ivar idle_seconds: how long the run waits for an idle cut.
    :ivar server: settings of the server.
    :ivar beside: verdicts of other checks that are right, too.
    """

    check: str
    ids: tuple[str, ...]
    only: tuple[str, ...] = ()
    path: str = "/"
    idle_seconds: float = 0.0
    server: tuple[tuple[str, str], ...] = ()
    beside: tuple[str, ...] = ()


_PREFIX = "/ws/"
_CONNECTION = "connection"
_ARRIVAL = ("path", "host", "origin", "compression")

EXPECTED = {
    "correct": Expectation(_CONNECTION, ("open",)),
    # Who passes nothing on at all, or loses the answer, is the same fault with the same cure.
    "upgrade-not-passed-on": Expectation(
        _CONNECTION, ("upgrade-not-passed-on", "upgrade-held", "answer-held")
    ),
    "http-1.0": Expectation(_CONNECTION, ("http-1.0",)),
    "idle-cut": Expectation("idle", ("idle-cut",), ("idle",), idle_seconds=8),
    "lifetime-limit": Expectation("idle", ("lifetime-limit",), ("idle",), idle_seconds=9),
    # Some products cut only some connections at a reload. Then nobody can tell it from a failure.
    "reload": Expectation("idle", ("reload", "cut-once"), ("idle",), idle_seconds=16),
    "compression-offer-removed": Expectation(
        "compression", ("compression-offer-removed",), _ARRIVAL
    ),
    # A client then takes the first compressed message for an error.
    "compression-answer-removed": Expectation(
        "compression", ("compression-answer-removed",), _ARRIVAL
    ),
    "origin-changed": Expectation("origin", ("origin-changed",), _ARRIVAL),
    "origin-removed": Expectation("origin", ("origin-removed",), _ARRIVAL),
    "host-changed": Expectation("host", ("host-changed",), _ARRIVAL),
    "prefix-not-announced": Expectation("path", ("prefix-not-announced",), _ARRIVAL, path=_PREFIX),
    "prefix-not-stripped": Expectation(_CONNECTION, ("prefix-not-stripped",), path=_PREFIX),
    "prefix-added": Expectation(_CONNECTION, ("prefix-added",)),
    # A rewritten path opens the WebSocket of the page, or finds none.
    "path-rewritten": Expectation("path", ("path-rewritten",)),
    "path-not-routed": Expectation(_CONNECTION, ("path-not-routed",)),
    "server-down": Expectation(_CONNECTION, ("server-down",)),
    "server-slow": Expectation(_CONNECTION, ("server-slow",)),
    "proxy-401": Expectation(_CONNECTION, ("proxy-401",)),
    "proxy-403": Expectation(_CONNECTION, ("proxy-403",)),
    "proxy-301": Expectation(_CONNECTION, ("proxy-301",)),
    "proxy-limit": Expectation("several", ("proxy-limit",), ("several",)),
    "two-servers": Expectation("several", ("several-servers",), ("several",)),
    "http-2": Expectation(_CONNECTION, ("open",)),
    # Apache's H2WebSockets sometimes holds a handshake for five seconds.
    "http-2-connect": Expectation(_CONNECTION, ("open",), beside=("opening-stalled",)),
    # The limits of this service, behind a correct proxy.
    "server-full": Expectation(_CONNECTION, ("server-full",), server=(("MAX_CONNECTIONS", "1"),)),
    "client-share": Expectation(
        _CONNECTION, ("client-share",), server=(("MAX_CONNECTIONS_PER_CLIENT", "1"),)
    ),
    "handshake-rate": Expectation(
        "several",
        ("handshake-rate",),
        ("several",),
        server=(("MAX_HANDSHAKES_PER_SECOND_PER_CLIENT", "2"),),
    ),
}

# Faults of the server, which a correct proxy passes on.
OF_THE_SERVER = ("server-full", "client-share", "handshake-rate")
