"""From evidence to facts: short texts and booleans that the rules compare.

``static/js/common/diagnosis/facts.js`` does the same. tests/cases/diagnosis.json runs against both.
"""

import json
from collections.abc import Mapping
from typing import Any

from flask_echo.diagnosis.evidence import Answer, Asked, ConnectionEvidence, Seen
from flask_echo.diagnosis.paths import PATHS
from flask_echo.diagnosis.signatures import products_of

Fact = str | bool | None
Facts = dict[str, Fact]

# The header that every response of the service has.
MARK = "flask-echo"

# gunicorn writes this page itself, when its parser refuses a request.
_PARSER_PAGE = "<h1><p>"

# Milliseconds. Most distances on earth take less, and nobody notices a shorter stall.
_SLOW, _VERY_SLOW, _STALL = 200, 1000, 100
_STALL_FACTOR = 10  # times the median
_BUSY = 10  # A client that is so late for its own timers has no time for messages, either.

# What a client says of an end without a Close frame (RFC 6455, section 7.1.5).
_NO_CLOSE_FRAME = 1006

# Seconds. A proxy that cannot connect says so at once.
_LATE = 1.5

# Seconds. Many products look at the clock only every second, and squid cuts up to a second early or
# late.
_SAME_MOMENT = 0.75
_SAME_AGE, _SAME_AGE_AGAIN = 1.2, 2.2
_SAME_AGE_SHARE = 0.1


def connection_facts(evidence: ConnectionEvidence) -> Facts:
    """Return what is known about an attempt to open a WebSocket."""
    answer, control = evidence["upgrade"]["answer"], evidence["control"]
    arrived = arrived_request(evidence)
    refusal = _refusal(evidence)
    # A browser does not see the refusal of an upgrade, so the control has to do.
    decisive = answer or (None if by(control) == "service" else control)
    seen = products(evidence)
    return {
        "upgrade": evidence["upgrade"]["outcome"],
        "why": evidence["upgrade"]["why"],
        "server_saw": _server_saw(evidence["trace"], answer),
        "problem": refusal.get("problem", ""),
        "http_1_0": arrived.get("version") == "HTTP/1.0",
        "key_arrived": bool(arrived.get("sec-websocket-key")),
        "origin_arrived": _origin_arrived(evidence, arrived),
        "path_arrived": path_relation(evidence["asked"]["path"], arrived.get("path")),
        "host_arrived": comparison(evidence["asked"]["host"], arrived.get("host")),
        "status": status_name(decisive),
        "by": by(decisive),
        "late": _is_late(answer, control),
        "control_late": _is_late(control) and control is not None,
        "control": _control(evidence),
        "ours": _is_ours(evidence),
        "health": _health(evidence["health"]),
        "product": seen[0] if len(seen) == 1 else "",
        "products": ", ".join(seen),
        **_shown(evidence["asked"], arrived, refusal, evidence["trace"]),
    }


def _is_late(*answers: Answer | None) -> bool:
    """Return whether each answer that came took long, so that it is no accident."""
    return all(answer["seconds"] > _LATE for answer in answers if answer is not None)


def _shown(
    asked: Asked, arrived: Mapping[str, str], refusal: Mapping[str, Any], trace: Seen
) -> Facts:
    """Texts that only the sentences of a verdict use."""
    return {
        "shown_path": asked["path"],
        "shown_path_arrived": arrived.get("path", ""),
        "shown_host": asked["host"],
        "shown_host_arrived": arrived.get("host", ""),
        "shown_origin": asked["origin"] or "",
        "shown_origin_arrived": arrived.get("origin", ""),
        "reason": str(refusal.get("reason") or refusal.get("detail") or ""),
        "unknown": trace["reason"] or "the server saw no upgrade request",
    }


def by(answer: Answer | None) -> str:
    """Return who wrote a response: ``service``, ``parser``, ``proxy``, or empty without one."""
    if answer is None:
        return ""
    if MARK in answer["headers"]:
        return "service"
    if answer["status"] == 400 and _PARSER_PAGE in answer["body"]:
        return "parser"
    return "proxy"


def status_name(answer: Answer | None) -> str:
    """Return the status as the rules have it: ``redirect`` for all of them."""
    if answer is None:
        return ""
    status = answer["status"]
    return "redirect" if status == 0 or (300 <= status < 400 and status != 304) else str(status)


def problem_in(answer: Answer | None) -> dict[str, Any]:
    """Return the problem details in a response of the service, or an empty object."""
    if answer is None or by(answer) != "service":
        return {}
    problem = parsed(answer["body"])
    return problem if isinstance(problem, dict) else {}


def parsed(text: str) -> Any:
    """Return the value of a text in JSON, or None. Anybody may have written it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _refusal(evidence: ConnectionEvidence) -> Mapping[str, Any]:
    """Return how the service refused the upgrade, as far as somebody saw it."""
    attempts = evidence["trace"]["attempts"]
    if attempts and attempts[-1]["outcome"] == "refused":
        refusal: Mapping[str, Any] = attempts[-1]["refusal"]
        return refusal
    return problem_in(evidence["upgrade"]["answer"])


def _server_saw(trace: Seen, answer: Answer | None) -> str:
    if trace["attempts"]:
        return "refused" if trace["attempts"][-1]["outcome"] == "refused" else "opened"
    if by(answer) == "service":
        return "refused"
    return "nothing" if trace["state"] == "none" else "unknown"


def _control(evidence: ConnectionEvidence) -> str:
    """Return whether the control reached the service: ``found``, ``nothing`` or ``unknown``."""
    if evidence["control_trace"]["attempts"] or by(evidence["control"]) == "service":
        return "found"
    return "nothing" if evidence["control_trace"]["state"] == "none" else "unknown"


def _is_ours(evidence: ConnectionEvidence) -> bool:
    """Return whether a server of this project is behind the address."""
    answers = (evidence["upgrade"]["answer"], evidence["control"], evidence["health"])
    is_traced = evidence["trace"]["attempts"] or evidence["control_trace"]["attempts"]
    return bool(is_traced) or "service" in map(by, answers)


def _health(answer: Answer | None) -> str:
    if answer is None:
        return "none"
    return str(problem_in(answer).get("status") or "foreign")


def arrived_request(evidence: ConnectionEvidence) -> dict[str, str]:
    """Return the upgrade request as it arrived: ``path``, ``version`` and headers in lower case.

    Without a trace, a refusal of the service tells some of it, and so does its answer to the
    control. The control has no upgrade, so only what both have in common counts.
    """
    if evidence["trace"]["attempts"]:
        return request_of(evidence["trace"]["attempts"][-1])
    told = _told(evidence["upgrade"]["answer"])
    if not told:
        told = _told(evidence["control"])
        told = {name: told.get(name) for name in ("HTTP version", "Path", "Host", "Via")}
    found = {name.lower(): str(value) for name, value in told.items() if value is not None}
    if "http version" in found:
        found["version"] = found.pop("http version")
    return found


def _origin_arrived(evidence: ConnectionEvidence, arrived: Mapping[str, str]) -> str:
    """Compare Origin, if anything but the control tells of the upgrade request."""
    if not evidence["trace"]["attempts"] and not _told(evidence["upgrade"]["answer"]):
        return "unknown"
    return comparison(evidence["asked"]["origin"], arrived.get("origin"))


def _told(answer: Answer | None) -> dict[str, Any]:
    """Return what a refusal of the service says about the request."""
    arrived = problem_in(answer).get("arrived")
    return arrived if isinstance(arrived, dict) else {}


def request_of(attempt: Mapping[str, Any]) -> dict[str, str]:
    """Return the request of an attempt in a trace: ``path``, ``version``, headers."""
    _, target, version = attempt["request"]["line"].split(" ", 2)
    headers = {name.lower(): value for name, value in attempt["request"]["headers"]}
    return {**headers, "path": target.partition("?")[0], "version": version}


def products(evidence: ConnectionEvidence) -> list[str]:
    """Return the names of the proxies that can be recognized."""
    answers = [evidence["upgrade"]["answer"], evidence["control"], evidence["health"]]
    seen = [answer for answer in answers if answer is not None]
    pages = [answer["body"] for answer in seen if by(answer) == "proxy"]
    traced = evidence["trace"]["attempts"] or evidence["control_trace"]["attempts"]
    request = request_of(traced[-1]) if traced else arrived_request(evidence)
    return products_of([answer["headers"] for answer in seen], pages, request)


def comparison(sent: str | None, arrived: str | None) -> str:
    """Return ``same``, ``changed``, ``removed`` or ``added``; ``same`` if nothing was sent."""
    if sent is None:
        return "same" if arrived is None else "added"
    if arrived is None:
        return "removed"
    return "same" if sent.lower() == arrived.lower() else "changed"


def path_relation(asked: str, arrived: str | None) -> str:
    """Return how a path arrived: ``same``, ``stripped``, ``longer``, ``other``, or ``unknown``.

    ``stripped``: without its beginning. ``longer``: with something before it.
    """
    if arrived is None:
        return "unknown"
    if arrived == asked:
        return "same"
    if arrived != "/" and asked.endswith(arrived):
        return "stripped"
    if arrived == "/" and not asked.endswith(PATHS):
        return "stripped"  # All of it was a prefix.
    return "longer" if arrived.endswith(asked) else "other"


def arrival_facts(evidence: ConnectionEvidence) -> Facts:
    """Return how the request of a WebSocket that has opened arrived.

    Only a trace tells what a proxy announces. Without one, that is None.
    """
    if not evidence["trace"]["attempts"]:
        return {"host_announced": None, "prefix_announced": None}
    arrived, host = arrived_request(evidence), evidence["asked"]["host"].lower()
    forwarded = arrived.get("x-forwarded-host", "").lower().split(",")
    return {
        "host_announced": host in map(str.strip, forwarded),
        "prefix_announced": bool(arrived.get("x-forwarded-prefix")),
    }


def compression_facts(evidence: ConnectionEvidence, agreed: bool) -> Facts:
    """Return who knows of compression.

    :param agreed: whether the client sees it in the answer.
    """
    arrived = arrived_request(evidence)
    attempts = evidence["trace"]["attempts"]
    offer = _deflates(arrived.get("sec-websocket-extensions", ""))
    answered = None
    if attempts:
        answered = any(map(_deflates, attempts[-1].get("response", {}).get("extensions", [])))
    return {
        "agreed": agreed,
        "answered": answered,
        "offer_arrived": offer if attempts else None,
        "enabled": attempts[-1].get("limits", {}).get("compression") if attempts else None,
    }


def _deflates(extensions: str) -> bool:
    return "permessage-deflate" in extensions


def round_trip_facts(count: int, median: float, p99: float, stall: float = 0.0) -> Facts:
    """Return the pace of messages.

    :param median: of the round-trip times in milliseconds.
    :param p99: their 99th percentile.
    :param stall: how late the client is for its own timers, in milliseconds.
    """
    uneven = is_uneven(median, p99)
    pace = "very slow" if median > _VERY_SLOW else "slow" if median > _SLOW else "good"
    return {
        "pace": "uneven" if uneven and pace == "good" else pace,
        # A slow path is slow for a busy client, too.
        "busy": stall > (_BUSY if pace == "good" else median / 2),
        "count": str(count),
        "median": duration(median),
        "p99": duration(p99),
    }


def is_uneven(median: float, p99: float) -> bool:
    """Return whether some round trips took much longer than most, so that people notice."""
    return p99 > _STALL and p99 > _STALL_FACTOR * median


def size_facts(
    outcome: str, largest: int, size: int, limit: int | None, code: int, repeated: bool
) -> Facts:
    """Return what became of larger and larger messages.

    :param outcome: ``all``, ``slow``, ``changed``, ``ended`` or ``silent``.
    :param largest: the largest that came back, in bytes.
    :param size: the first that did not.
    :param limit: of the server; None if nobody knows it.
    :param code: of the Close frame; 1006 without one.
    :param repeated: whether it failed again on a new connection.
    """
    return {
        "outcome": outcome,
        "largest": size_text(largest),
        "size": size_text(size),
        "limit": size_text(limit or 0),
        "code": str(code),
        "repeated": repeated,
        "below_limit": limit is not None and size <= limit,
    }


def idle_facts(
    *,
    waited: float,
    alive: bool,
    ages: tuple[float | None, float | None],
    apart: float | None,
    again: float | None,
    close: tuple[int, str] | None,
    attempt: Mapping[str, Any] | None,
) -> Facts:
    """Return what ended an idle connection.

    :param waited: seconds.
    :param alive: whether it answered after the wait.
    :param ages: how old the idle connection and the busy one were at their ends, in seconds; None
        for one that did not end.
    :param apart: seconds from the end of the idle one to that of the busy one.
    :param again: the age at which a second idle one ended.
    :param close: code and reason of the end.
    :param attempt: the server's trace of the idle one.
    """
    age, other_age = ages
    pings = (attempt or {}).get("limits", {}).get("ping_interval_seconds") or 0
    end = (attempt or {}).get("end") or {}
    return {
        "outcome": _idle_outcome(alive, age, other_age, apart),
        "repeated": age is not None and again is not None and _alike(age, again, _SAME_AGE_AGAIN),
        "pings": "often enough" if age is not None and 0 < pings < age else "too seldom",
        "closed_by": _closed_by(close, attempt),
        "traced": attempt is not None,
        "code": str(close[0]) if close else "",
        "waited": duration(waited * 1000),
        "age": duration((age or 0) * 1000),
        "other_age": duration((other_age or 0) * 1000),
        "reason": str(end.get("reason") or (close[1] if close else "")),
    }


def _idle_outcome(
    alive: bool, age: float | None, other_age: float | None, apart: float | None
) -> str:
    if age is None:
        return "other" if other_age is not None else "alive" if alive else "silent"
    if other_age is None or apart is None:
        return "cut"
    if abs(apart) < _SAME_MOMENT:
        return "cut together"
    return "lifetime" if _alike(age, other_age, _SAME_AGE) else "other"


def _closed_by(close: tuple[int, str] | None, attempt: Mapping[str, Any] | None) -> str:
    """Return who ended it: ``server``, ``somebody`` between, or ``unknown``.

    A Close frame may be the server's. Only its trace can tell.
    """
    if attempt is None:
        return "unknown" if close is not None and close[0] != _NO_CLOSE_FRAME else "somebody"
    end = attempt.get("end") or {}
    is_servers = close is not None and end.get("how") == "close frame from the server"
    return "server" if is_servers else "somebody"


def _alike(one: float, other: float, seconds: float) -> bool:
    """Return whether two ages in seconds may come from the same time limit."""
    return abs(one - other) < max(seconds, _SAME_AGE_SHARE * max(one, other))


def duration(milliseconds: float) -> str:
    """Return a duration for people, such as ``4.2 ms``, ``61 ms`` or ``3.1 s``."""
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


def size_text(count: int) -> str:
    """Return a number of bytes for people, in the largest unit that divides it."""
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if count and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count:,} byte" if count == 1 else f"{count:,} bytes"
