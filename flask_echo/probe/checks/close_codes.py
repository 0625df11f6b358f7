"""Do the codes and reasons of Close frames arrive?"""

from contextlib import suppress
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed

from flask_echo.diagnosis.facts import Facts
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.session import Session

# A normal end, a failure of the server, and a private code with a reason that is not ASCII.
_CLOSES = ((1000, "done"), (1011, "unexpected"), (4001, "na\u00efve, \u6f22\u5b57"))


def close_codes(session: Session) -> Verdict:
    """Have the server close with three codes."""
    wrong = []
    for at, (code, reason) in enumerate(_CLOSES):
        arrived = _close(session, code, reason)
        if arrived != (code, reason):
            wrong.append(((code, reason), arrived))
        session.progress((at + 1) / len(_CLOSES))
    facts: Facts = {"wrong": bool(wrong), "count": str(len(wrong)), "all": str(len(_CLOSES))}
    if wrong:
        sent, arrived = wrong[0]
        facts |= {"cut": arrived[0] == 1006, "sent": _shown(sent), "arrived": _shown(arrived)}
    return judge("close-codes", facts)


def _close(session: Session, code: int, reason: str) -> tuple[int, str]:
    with session.open(f"close={code}&reason={quote(reason)}&after=0") as ws:
        with suppress(ConnectionClosed):
            ws.recv(timeout=session.timeout)
        return ws.close_code or 1006, ws.close_reason or ""


def _shown(close: tuple[int, str]) -> str:
    code, reason = close
    return f"{code} ({reason})" if reason else str(code)
