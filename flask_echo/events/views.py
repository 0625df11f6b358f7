"""The blueprint of ``/events``."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from time import monotonic, time_ns
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, current_app, g, jsonify, request

from flask_echo.accept import preferred
from flask_echo.events.cost import UNKNOWN, Cost
from flask_echo.events.following import ALIVE_SECONDS, converse, event_stream
from flask_echo.events.polling import PollAnswer, next_cursor
from flask_echo.events.query import ALLOWED, Query, parse
from flask_echo.events.stream import NANOSECONDS
from flask_echo.events.waiting import Extend, Waiter
from flask_echo.problem import respond
from flask_echo.websocket import Connection, OptionError, Refusal, Sock, Upgrade
from flask_echo.websocket.clients import client_of
from flask_echo.websocket.counted import ByteCount
from flask_echo.websocket.extension import install
from flask_echo.websocket.handshake import is_attempt
from flask_echo.websocket.refusal import NO_SEAT, NO_THREAD, too_many
from flask_echo.websocket.seats import NoSeat
from flask_echo.websocket.servers import check_server

if TYPE_CHECKING:  # It belongs to gunicorn's worker, which flask run does not have.
    from flask_echo.meter import Meter

bp = Blueprint("events", __name__)
sock = Sock(respond=respond)

_EVENT_STREAM = "text/event-stream"

# flask_echo.offers puts these into the WSGI environment.
METER_KEY = "flask_echo.meter"
EXTEND_KEY = "flask_echo.extend_deadline"

# Expect would make the server write a line that no count has (RFC 9110, section 10.1.1).
_ABOUT_A_BODY = {"Transfer-Encoding", "Expect"}
_NO_BODY = Refusal(
    400,
    "This address takes no request body.",
    "Put everything into the query.",
)


@bp.get("/events")
def events() -> Response:
    """Answer a poll or a long poll, or begin a stream of server-sent events."""
    if is_attempt(request.environ):
        return sock.explain()
    if request.content_length or _ABOUT_A_BODY & set(request.headers.keys()):
        return respond(_NO_BODY)
    # A HEAD request wants to know what a GET would say, and not to wait for it.
    streams = preferred(("application/json", _EVENT_STREAM)) == _EVENT_STREAM
    streams = streams and request.method == "GET"
    query = _query(may_wait=not streams, resumes=streams)
    if isinstance(query, Refusal):
        return respond(query)
    return _stream(query) if streams else _poll(query)


@bp.get("/events/clock")
def clock() -> Response:
    """Tell the time of this server, for clients that compare it with their own."""
    response = jsonify(now=time_ns() / NANOSECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _count_if_query_is_good(upgrade: Upgrade) -> Upgrade | Refusal:
    query = _query()
    if isinstance(query, Refusal):
        return query
    g.query, g.wire = query, ByteCount()
    return replace(upgrade, watches=[g.wire])


@sock.route("/events", bp=bp, endpoint="follow", hook=_count_if_query_is_good)
def follow(ws: Connection) -> None:
    """Send each event when it is due."""
    converse(ws, g.query, time_ns, partial(_websocket_cost, _meter(), g.wire))


def _websocket_cost(meter: "Meter | None", wire: ByteCount) -> str:
    if meter is None:
        return UNKNOWN
    received = (meter.received_bytes() or 0) + wire.received
    return Cost(received, wire.sent, meter.cpu_seconds()).json()


def _query(may_wait: bool = False, resumes: bool = False) -> Query | Refusal:
    resumed = request.headers.get("Last-Event-ID") if resumes else None
    try:
        return parse(request.args.items(multi=True), time_ns(), may_wait, resumed)
    except OptionError as error:
        return Refusal(
            400,
            f"The query names no events to follow: {error}.",
            "Use stream and mean, and after the first answer its cursor as since.",
            allowed={name: ALLOWED[name] for name in ALLOWED if may_wait or name != "wait"},
            problem="query",
        )


def _meter() -> "Meter | None":
    make = cast("Callable[[], Meter] | None", request.environ.get(METER_KEY))
    meter = make() if make is not None else None
    return meter if meter is not None and meter.received_bytes() is not None else None


# -- Polls and long polls ------------------------------------------------------------------


def _poll(query: Query) -> Response:
    meter = _meter()
    events = query.stream.between(query.since, time_ns())
    is_news = events and not _is_known(query, events)
    if query.wait_seconds and request.method == "GET" and not is_news:
        first = next(query.stream.after(events[-1] if events else query.since))
        due = min(first, time_ns() + int(query.wait_seconds * NANOSECONDS))
        refusal = _wait(due, query.wait_seconds, meter)
        if refusal is not None:
            return respond(refusal)
        events = query.stream.between(query.since, time_ns())
    return PollAnswer(query, events, _is_known(query, events), meter)


def _is_known(query: Query, events: list[int]) -> bool:
    """Return whether the client has this answer already, as its If-None-Match says."""
    return request.if_none_match.contains_weak(next_cursor(query, events))


def _wait(due: int, seconds: float, meter: "Meter | None") -> Refusal | None:
    """Wait until ``due`` on a seat, unless the client leaves or the server calls."""
    with ExitStack() as stack:
        waiter = _take_seat(stack, seconds)
        if isinstance(waiter, Refusal):
            return waiter
        # The clock may be set back meanwhile.
        until = monotonic() + seconds
        while (left := min((due - time_ns()) / NANOSECONDS, until - monotonic())) > 0:
            if not waiter.wait(left):
                break
        if waiter.ended and meter is not None:
            meter.close_afterwards()
    return None


def _take_seat(stack: ExitStack, seconds: float) -> Waiter | Refusal:
    """Take a seat until ``stack`` closes, and ``seconds`` more for the response."""
    environ = request.environ
    if refusal := check_server(environ, "long response"):
        return refusal
    of_request = environ.get("gunicorn.socket") or environ["werkzeug.socket"]
    extension = install(current_app)
    limits = extension.limits()
    share = limits.max_connections_per_client
    seats = extension.seats
    seat = stack.enter_context(seats.take(client_of(request.remote_addr), share))
    if isinstance(seat, NoSeat):
        return NO_SEAT if seat is NoSeat.FULL else too_many(share)
    extend = cast(Extend, environ.get(EXTEND_KEY, _without_deadline))
    if not extend(seconds, True):
        return NO_THREAD
    waiter = Waiter(cast(socket.socket, of_request), extend, limits)
    seats.occupy(seat, waiter)
    return waiter


def _without_deadline(seconds: float, is_new: bool) -> bool:
    return True


# -- Server-sent events --------------------------------------------------------------------


def _stream(query: Query) -> Response:
    with ExitStack() as stack:
        waiter = _take_seat(stack, ALIVE_SECONDS)
        if isinstance(waiter, Refusal):
            return respond(waiter)
        meter = _meter()
        if meter is not None:
            meter.count_sent()
            meter.close_afterwards()  # A drain shuts the reading side of the socket down.
        body = event_stream(query, time_ns, waiter, partial(_stream_cost, meter))
        response = Response(body, mimetype=_EVENT_STREAM)
        response.call_on_close(stack.pop_all().close)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would gather events otherwise.
    response.vary.add("Accept")
    return response


def _stream_cost(meter: "Meter | None") -> str:
    if meter is None:
        return UNKNOWN
    return Cost(meter.received_bytes() or 0, meter.sent_bytes(), meter.cpu_seconds()).json()
