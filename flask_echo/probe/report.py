"""The result of a run: for people, as JSON, as JUnit XML, and as Markdown for a bug report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree as Xml

import click

from flask_echo import __version__
from flask_echo.diagnosis.facts import duration
from flask_echo.diagnosis.verdict import Verdict
from flask_echo.probe.session import Session

_COLOURS = {"good": "green", "notable": "yellow", "bad": "red", "unknown": "cyan"}
_MARKS = {"good": "\u2705", "notable": "\u26a0\ufe0f", "bad": "\u274c"}  # Bug trackers show these.
_WIDTH = 16
# A cure for each known product would fill a screen.
_MOST_CURES_SHOWN = 3


@dataclass(frozen=True)
class Report:
    """A finished run.

    :ivar url: what was probed.
    :ivar server: what the first check has found on the way, by name.
    :ivar seconds: how long the run took.
    """

    url: str
    server: Mapping[str, Any]
    verdicts: Sequence[Verdict]
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 if something is bad, or there is no connection; else 0."""
        is_bad = any(verdict.verdict == "bad" for verdict in self.verdicts)
        is_open = any(verdict.id == "open" for verdict in self.verdicts)
        return 1 if is_bad or not is_open else 0


def server_of(session: Session) -> dict[str, Any]:
    """Return what is known about the server and the way to it."""
    steps = session.steps
    return {
        "addresses": steps.addresses,
        "seconds": {name: round(seconds, 6) for name, seconds in steps.seconds.items()},
        "tls": steps.tls or None,
        "proxy": session.product or None,
        "flask_echo": session.ours,
    }


def way(session: Session) -> str:
    """Return the steps to the server in one line."""
    steps = session.steps
    times = [f"{name} {duration(seconds * 1000)}" for name, seconds in steps.seconds.items()]
    kind = "this service" if session.ours else "another server"
    proxy = f", behind {session.product}" if session.product else ""
    return f"{', '.join(steps.addresses)} ({', '.join(times)}): {kind}{proxy}"


def line(verdict: Verdict) -> str:
    """Return a verdict for a terminal: one line, then the advice and the cures."""
    mark = click.style(f"{verdict.verdict:8}", fg=_COLOURS.get(verdict.verdict), bold=True)
    lines = [f"{mark} {verdict.check:{_WIDTH}} {verdict.meaning}"]
    indent = " " * (_WIDTH + 10)
    if verdict.verdict != "good" and verdict.advice:
        lines.append(indent + verdict.advice)
    for product, cure in list(verdict.cures.items())[:_MOST_CURES_SHOWN]:
        lines += [f"{indent}{product}:", *(f"{indent}    {text}" for text in cure.splitlines())]
    if len(verdict.cures) > _MOST_CURES_SHOWN:
        rest = ", ".join(list(verdict.cures)[_MOST_CURES_SHOWN:])
        lines.append(f"{indent}Use --json or --markdown for the lines for {rest}.")
    return "\n".join(lines)


def to_json(report: Report) -> str:
    """Return everything, with the facts from which each verdict was made."""
    members = {
        "flask_echo": __version__,
        "url": report.url,
        "server": report.server,
        "seconds": round(report.seconds, 3),
        "exit_code": report.exit_code,
        "checks": [asdict(verdict) for verdict in report.verdicts],
    }
    return json.dumps(members, indent=2, ensure_ascii=False) + "\n"


def to_junit(report: Report) -> str:
    """Return a test suite: a bad check is a failure, and one that did not run is skipped."""
    suite = Xml.Element(
        "testsuite",
        name=f"flask-echo probe {report.url}",
        tests=str(len(report.verdicts)),
        failures=str(sum(verdict.verdict == "bad" for verdict in report.verdicts)),
        skipped=str(sum(_is_skipped(verdict) for verdict in report.verdicts)),
        time=f"{report.seconds:.3f}",
    )
    for verdict in report.verdicts:
        case = Xml.SubElement(suite, "testcase", classname="websocket", name=verdict.check)
        if verdict.verdict == "bad":
            failure = Xml.SubElement(case, "failure", message=verdict.meaning, type=verdict.id)
            failure.text = "\n".join([verdict.advice, *_cure_lines(verdict)])
        elif _is_skipped(verdict):
            Xml.SubElement(case, "skipped", message=verdict.meaning)
    Xml.indent(suite)
    return Xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _is_skipped(verdict: Verdict) -> bool:
    return verdict.verdict in ("skipped", "unknown")


def to_markdown(report: Report) -> str:
    """Return a table, and a paragraph for each check that is not good."""
    rows = [f"| {v.check} | {_mark(v)} | {_cell(v.meaning)} |" for v in report.verdicts]
    lines = [
        f"## WebSocket probe of {report.url}",
        "",
        f"- Client: flask-echo {__version__}",
        f"- Proxy: {report.server.get('proxy') or 'unknown'}",
        "",
        "| Check | Verdict | Result |",
        "|---|---|---|",
        *rows,
    ]
    for verdict in report.verdicts:
        if verdict.verdict in ("bad", "notable"):
            lines += ["", f"**{verdict.check}**: {verdict.advice}", *_cure_lines(verdict)]
    return "\n".join(lines) + "\n"


def _mark(verdict: Verdict) -> str:
    mark = _MARKS.get(verdict.verdict)
    return f"{mark} {verdict.verdict}" if mark else verdict.verdict


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _cure_lines(verdict: Verdict) -> list[str]:
    lines = []
    for product, cure in verdict.cures.items():
        lines += ["", f"{product}:", "```", *cure.splitlines(), "```"]
    return lines
