"""The hook that reads the faults of an upgrade request, for :meth:`Sock.route`."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from flask import request

from flask_echo.simulation import conversation
from flask_echo.simulation.connection import FaultyConnection
from flask_echo.simulation.faults import ALLOWED, AT_UPGRADE, Faults, parse
from flask_echo.traces.ids import ALLOWED as TRACE_ALLOWED
from flask_echo.traces.ids import PARAMETER, without_trace
from flask_echo.websocket import OptionError, Refusal, Upgrade


def echo_with_faults(upgrade: Upgrade) -> Upgrade | Refusal:
    """Let the query choose any fault."""
    faults = _faults(ALLOWED)
    if isinstance(faults, Refusal):
        return faults
    upgrade = _with_upgrade_faults(upgrade, faults)
    if faults.concern_the_upgrade_only:
        return upgrade
    handler = partial(_echo, faults)
    return replace(upgrade, handler=handler, connection_class=FaultyConnection)


def upgrade_with_faults(upgrade: Upgrade) -> Upgrade | Refusal:
    """Let the query choose the faults that concern the upgrade."""
    faults = _faults(AT_UPGRADE)
    return faults if isinstance(faults, Refusal) else _with_upgrade_faults(upgrade, faults)


def refuse_faults(upgrade: Upgrade) -> Upgrade | Refusal:
    """Refuse every fault, where the operator has turned fault simulation off."""
    if not request.query_string:
        return upgrade
    return _bad_trace() or (_TURNED_OFF if _items() else upgrade)


def _items() -> list[tuple[str, str]]:
    """The query without the ID of a trace, which is no fault."""
    return without_trace(request.args.items(multi=True))


def _bad_trace() -> Refusal | None:
    if not any(name == PARAMETER for name, _ in _items()):
        return None
    return Refusal(
        400,
        f"The query has a bad {PARAMETER}. Use {TRACE_ALLOWED}.",
        "The server keeps a trace of the connection under it; see docs/traces.md.",
        allowed={PARAMETER: TRACE_ALLOWED},
        problem="query",
    )


_TURNED_OFF = Refusal(
    400,
    "The query cannot be used, because fault simulation is off on this server.",
    "Use the address without a query. The operator of this server can turn fault simulation on.",
    problem="query",
)


def _echo(faults: Faults, ws: FaultyConnection) -> None:
    conversation.echo(ws, faults)


def _faults(allowed: Collection[str]) -> Faults | Refusal:
    if not request.query_string:
        return NONE
    if bad := _bad_trace():
        return bad
    try:
        return parse(_items(), allowed)
    except OptionError as error:
        return Refusal(
            400,
            f"The faults in the query cannot be simulated: {error}.",
            "Use only the allowed options, each at most once.",
            allowed={name: ALLOWED[name] for name in allowed},
            problem="query",
        )


NONE = Faults()


def _with_upgrade_faults(upgrade: Upgrade, faults: Faults) -> Upgrade:
    if faults == NONE:
        return upgrade
    limits = upgrade.limits
    return replace(
        upgrade,
        limits=replace(
            limits,
            compression=limits.compression and faults.compress,
            ping_interval_seconds=limits.ping_interval_seconds if faults.ping else 0.0,
        ),
        subprotocols=[faults.subprotocol] if faults.subprotocol else upgrade.subprotocols,
    )
