"""Connections without a network, for tests of conversations."""

from collections.abc import Iterable
from typing import Any

from simple_websocket import ConnectionClosed


class ScriptedWebSocket:
    """A connection without a network: receives what the test gives, keeps what is sent."""

    def __init__(self, says: Iterable[str | bytes]) -> None:
        self._says = iter(says)
        self.told: list[Any] = []
        self.closed: tuple[int | None, str | None] | None = None

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        for message in self._says:
            return message
        raise ConnectionClosed(1000)

    def send(self, data: Any) -> None:
        self.told.append(data)

    def send_parts(self, parts: Iterable[str | bytes]) -> None:
        self.told.append("".join(str(part) for part in parts))

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        self.closed = (reason, message)


class Clock:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class ScriptedFaultyWebSocket(ScriptedWebSocket):
    """A scripted connection whose time passes on a clock of its own.

    :param says: messages, and None where it lets the time that it was given pass.
    """

    def __init__(self, says: Iterable[str | bytes | None], clock: Clock) -> None:
        super().__init__([])
        self._script = iter(says)
        self._clock = clock
        self.times: list[float] = []
        self.ended = ""
        self.hurried = False

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        for message in self._script:
            if message is None:
                assert timeout is not None
                self._clock.now += timeout
            return message
        raise ConnectionClosed(1000)

    def send(self, data: Any) -> None:
        super().send(data)
        self.times.append(round(self._clock.now, 6))

    def pause(self, seconds: float) -> bool:
        if not self.hurried:
            self._clock.now += seconds
        return not self.hurried

    def ignore(self, seconds: float) -> None:
        self.ended = f"ignored for {seconds}"

    def abort(self) -> None:
        self.ended = "aborted"
