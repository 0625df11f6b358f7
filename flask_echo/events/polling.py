"""The answer to a poll, which names its own cost."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

from flask_echo.events.cost import UNKNOWN, Cost
from flask_echo.events.following import compact, described
from flask_echo.events.query import Query

if TYPE_CHECKING:  # It belongs to gunicorn's worker, which flask run does not have.
    from flask_echo.meter import Meter

COST_HEADER = "Echo-Cost"


class PollAnswer(Response):
    """The events of a stream since a cursor.

    The cost is filled in at the last moment, when all headers are there.

    :param events: positions of the events.
    :param known: whether the client has this answer already: it gets 304, without a body.
    :param meter: counts the request; None where nothing can be counted.
    """

    def __init__(self, query: Query, events: list[int], known: bool, meter: "Meter | None") -> None:
        super().__init__(status=304 if known else 200, mimetype="application/json")
        self._query, self._events, self._meter = query, events, meter
        self.set_etag(next_cursor(query, events), weak=True)
        self.headers["Cache-Control"] = "no-store"
        self.vary.add("Accept")

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Fill in the cost, and respond."""
        if self._meter is None:
            self.set_data(self._body(UNKNOWN))
        else:
            self._fill_in(environ, self._meter)
        return super().__call__(environ, start_response)

    def _fill_in(self, environ: Any, meter: "Meter") -> None:
        # All costs have the same length, so the size of an answer does not depend on its cost.
        self._write(Cost(0, 0, 0.0))
        body, status, headers = self.get_wsgi_response(environ)
        sent = meter.head_bytes(status, headers) + sum(map(len, body))
        self._write(Cost(meter.received_bytes() or 0, sent, meter.cpu_seconds()))

    def _write(self, cost: Cost) -> None:
        text = cost.json()
        self.headers[COST_HEADER] = text
        self.set_data(self._body(text))

    def _body(self, cost: str) -> str:
        stream = self._query.stream
        events = compact([described(stream, event) for event in self._events])
        cursor = next_cursor(self._query, self._events)
        return f'{{"events":{events},"next":"{cursor}","cost":{cost}}}'


def next_cursor(query: Query, events: list[int]) -> str:
    """Return the cursor with which a client goes on after ``events``."""
    return query.stream.cursor(events[-1] if events else query.since)
