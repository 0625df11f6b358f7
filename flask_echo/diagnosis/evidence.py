"""The shape of the evidence. ``static/js/common/diagnosis/evidence.js`` gathers the same."""

from typing import Any, TypedDict


class Answer(TypedDict):
    """An HTTP response as the client saw it.

    ``headers`` have their names in lower case. ``status`` is 0 for a redirect that a browser hides.
    ``body`` is its beginning. ``protocol`` is such as ``h2``, or empty if unknown. ``seconds`` is
    how long it took.
    """

    status: int
    headers: dict[str, str]
    body: str
    protocol: str
    seconds: float


class Seen(TypedDict):
    """What ``/traces/ID`` says. ``state`` is one of:

    - ``found``: ``attempts`` has at least one.
    - ``none``: traces are on, none is dropped, and there is none with this ID.
    - ``unknown``: ``reason`` says why nobody can know.
    """

    state: str
    attempts: list[dict[str, Any]]
    reason: str


class Asked(TypedDict):
    """What the client asked for. ``origin`` is None if it sends none."""

    path: str
    host: str
    origin: str | None


class Attempt(TypedDict):
    """One try to open a WebSocket. ``outcome`` is one of:

    - ``open``
    - ``failed``: quickly. A browser says no more; a terminal has the ``answer``.
    - ``silent``: no answer came in time.
    - ``cut``: the connection ended without an answer.
    - ``unreachable``: there was no connection to send the request on; ``why`` is ``name``,
      ``refused``, ``no answer``, ``tls`` or empty.
    """

    outcome: str
    why: str
    answer: Answer | None


class ConnectionEvidence(TypedDict):
    """All that one attempt leaves behind.

    ``control`` is the response to a plain GET of the same address, ``health`` that of ``/healthz``
    beside it, and the last two are the traces of the attempt and of the control.
    """

    asked: Asked
    upgrade: Attempt
    control: Answer | None
    health: Answer | None
    trace: Seen
    control_trace: Seen
