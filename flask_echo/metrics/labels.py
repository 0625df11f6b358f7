"""The values of labels. All of them come from closed sets, whatever a client sends.

Each value makes a series, and Prometheus keeps each series for ever.
"""

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.lifecycle import FirstClose

DIRECTIONS = ("in", "out")
TYPES = ("text", "binary")
OTHER = "other"

# All statuses that the service gives to a request for a WebSocket.
_STATUSES = frozenset({400, 403, 404, 405, 426, 429, 431, 500, 503})
STATUSES = (*map(str, sorted(_STATUSES)), OTHER)

# RFC 6455, section 7.4.1, and the codes that were registered later. Applications use 3000 to 4999.
_CODES = range(1000, 1015)
CODES = (*map(str, _CODES), OTHER)

NOBODY = "none"
INITIATORS = ("client", "server", NOBODY)


def status_label(status: int) -> str:
    """Return the label for the status of an error."""
    return str(status) if status in _STATUSES else OTHER


def close_labels(first: FirstClose | None) -> tuple[str, str]:
    """Return the code and the initiator of the end of a connection.

    :param first: the first Close frame, if there was one.
    """
    if first is None:
        return str(int(CloseReason.ABNORMAL_CLOSURE)), NOBODY
    return str(int(first.code)) if first.code in _CODES else OTHER, first.sender


def possible_ends() -> list[tuple[str, str]]:
    """Return all pairs of code and initiator that there can be.

    1006 says that there was no Close frame, so nobody sent it (RFC 6455, section 7.1.5).
    """
    lost = close_labels(None)
    codes = [code for code in CODES if code != lost[0]]
    return [lost, *((code, sender) for code in codes for sender in INITIATORS if sender != NOBODY)]
