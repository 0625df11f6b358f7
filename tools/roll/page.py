"""Write the figures into docs/scaling.md, between two marks."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.support.servers import ROOT
from tools.roll.figures import Figure
from tools.roll.play import Plan

PAGE = ROOT / "docs/scaling.md"
_PART = re.compile(r"(?<=<!-- roll -->\n).*?(?=<!-- end of roll -->)", re.DOTALL)


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| figure | value | goal |", "|---|---|---|"]
    for figure in figures:
        goal = figure.goal if figure.is_reached else f"{figure.goal} (missed)"
        lines.append(f"| {figure.name} | {figure.value} | {goal} |")
    return "\n".join(lines) + "\n"


def write(plan: Plan, figures: Sequence[Figure]) -> None:
    """Replace the part of the page between the marks."""
    head = (
        f"On {datetime.now(UTC):%Y-%m-%d}: {plan.clients} clients, DRAIN_DELAY_SECONDS"
        f" {plan.delay:g}, DRAIN_SPREAD_SECONDS {plan.spread:g}, MAX_LIFETIME_SECONDS"
        f" {plan.lifetime:g}.\n\n"
    )
    part = head + table(figures)
    PAGE.write_text(_PART.sub(lambda match: part, PAGE.read_text()))
