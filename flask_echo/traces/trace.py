"""One attempt to open a WebSocket with a trace: what arrived, what came of it, and how it ended."""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic, time
from typing import Any

from flask_echo.traces.frame_log import PING, PONG, FrameLog
from flask_echo.traces.recording import END_OF_STREAM, RecordingTransport, recording
from flask_echo.websocket import Connection, Refusal, Watch
from flask_echo.websocket.endings import SILENT, STUCK
from flask_echo.websocket.transport import Transport

# How a connection ended, as the server saw it.
CLOSE_FROM_CLIENT, CLOSE_FROM_SERVER = "close frame from the client", "close frame from the server"
PING_TIMEOUT, SEND_TIMEOUT = "unanswered ping", "send time-out"

# A silent connection is stored this often. The store keeps it for five times as long.
_REFRESH_SECONDS = 60.0

Save = Callable[[str], bool]


def refusal_text(request: Mapping[str, Any], refusal: Refusal) -> str:
    """Return the JSON of an attempt that got an HTTP error."""
    described = {
        "status": refusal.status,
        "reason": refusal.detail,
        "problem": refusal.problem,
        "limit": refusal.limit or None,
    }
    return json.dumps({"at": time(), **request, "outcome": "refused", "refusal": described})


class Trace(Watch):
    """Watches one connection.

    :param request: the request as it arrived, in values that JSON has.
    :param save: stores a text that describes the connection so far. It returns False if others
        need the room.
    :param opened: is called with this object when the connection opens.
    :param ended: is called with it when nothing more will change.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        save: Save,
        opened: Callable[["Trace"], object],
        ended: Callable[["Trace"], object],
    ) -> None:
        self._request = request
        self._save = save
        self._opened = opened
        self._ended = ended
        self._began = time()
        self._received = FrameLog("received", time)
        self._sent = FrameLog("sent", time)
        self._recording: RecordingTransport | None = None
        self._response: dict[str, Any] = {}
        self._end: dict[str, Any] | None = None
        self._saved_bytes = -1
        self._saved_at = 0.0
        self._lock = Lock()

    def transport(self, transport: Transport) -> Transport:
        """Put a recording transport around the usual one."""
        self._recording, around = recording(transport, self._received, self._sent)
        return around

    def read_ahead(self, data: bytes) -> None:
        """Note frames that came with the request."""
        self._received.feed(data)

    def opening(self, connection: Connection) -> None:
        """Store the beginning, so that it is there before the client has its answer."""
        self._sent.skip(len(connection.head))
        self._response = {
            "head": connection.head.decode("latin-1"),
            "subprotocol": connection.subprotocol,
            "extensions": connection.extensions,
        }
        with self._lock:
            self._save_now()
        self._opened(self)

    def closed(self, connection: Connection) -> None:
        """Store the end."""
        end = {
            "at": time(),
            "how": self._how(connection),
            "code": connection.close_reason,
            "reason": connection.close_message,
            "close_frames": [
                {"from": name, **_close(log)}
                for name, log in (("client", self._received), ("server", self._sent))
                if log.close is not None
            ],
        }
        with self._lock:
            self._end = end
            self._save_now()
        self._ended(self)

    def _how(self, connection: Connection) -> str:
        received, sent = self._received.close, self._sent.close
        if connection.close_message == SILENT.reason and not received:
            return PING_TIMEOUT
        if connection.close_message == STUCK.reason:
            return SEND_TIMEOUT
        if received and (not sent or received[1] <= sent[1]):
            return CLOSE_FROM_CLIENT
        if sent:
            return CLOSE_FROM_SERVER
        ended = self._recording.ended if self._recording else None
        return ended or END_OF_STREAM

    def save_changes(self) -> None:
        """Store the state, if bytes went through since it was stored last, or if that was long ago:
        the store forgets it otherwise. Any thread may."""
        with self._lock:
            is_old = monotonic() > self._saved_at + _REFRESH_SECONDS
            if self._end is None and (is_old or self._all_bytes() != self._saved_bytes):
                self._save_now()

    def _save_now(self) -> None:
        self._saved_at = monotonic()
        self._saved_bytes = self._all_bytes()
        if not self._save(self._text()):
            for log in (self._received, self._sent):
                log.keep_no_frames()

    def _all_bytes(self) -> int:
        return self._received.wire_bytes + self._sent.wire_bytes

    def _text(self) -> str:
        """Return the state in JSON. The frames are there in JSON already."""
        frames = sorted([*self._received.frames, *self._sent.frames])
        described = json.dumps(self._described())
        return f'{described[:-1]}, "frames": [{", ".join(text for _, text in frames)}]}}'

    def _described(self) -> dict[str, Any]:
        received, sent = self._received, self._sent
        logs = {"received": received, "sent": sent}
        last = [log.last_byte_at for log in logs.values() if log.last_byte_at is not None]
        return {
            "at": self._began,
            **self._request,
            "outcome": "closed" if self._end else "open",
            "response": self._response,
            "end": self._end,
            "last_byte_at": max(last, default=None),
            "last_byte_received_at": received.last_byte_at,
            "pings": {name: log.count(PING) for name, log in logs.items()},
            "pongs": {name: log.count(PONG) for name, log in logs.items()},
            "messages": {name: log.messages for name, log in logs.items()},
            "wire_bytes": {name: log.wire_bytes for name, log in logs.items()},
        }


def _close(log: FrameLog) -> dict[str, Any]:
    """The code and reason of a Close frame (RFC 6455, section 5.5.1)."""
    assert log.close is not None
    payload, at = log.close
    code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else None
    return {"at": at, "code": code, "reason": payload[2:].decode("utf-8", "replace")}
