"""Attack the service, and print what bystanders notice: ``python -m tools.attacks [NAME...]``.

Each attack meets a fresh service with default settings in a container of 512 MiB.
"""

import sys

import click

from tests.support.bystanders import Waits
from tests.support.sieges import MIB, SECONDS, SIEGES, Outcome

HEADINGS = (
    "| attack | talkers, ms: p50 | p99 | max | page, ms: max | newcomer, ms: max"
    " | lost | refused | memory, MiB | worker |\n|---|---|---|---|---|---|---|---|---|---|"
)


def row(name: str, outcome: Outcome) -> str:
    """Return the line of a table in Markdown."""
    report = outcome.report
    talkers = report.talkers
    figures = [
        *(_ms(talkers.percentile(50)), _ms(talkers.percentile(99)), _ms(talkers.longest)),
        *(_ms(report.visitors.longest), _ms(report.newcomers.longest)),
        str(len(talkers.failures)),
        str(len(report.visitors.failures) + len(report.newcomers.failures)),
        str(round(outcome.peak_bytes / MIB)),
        "kept" if is_kept(outcome) else "killed" if outcome.oom_kills else "lost",
    ]
    return f"| {' | '.join([name, *figures])} |"


def is_kept(outcome: Outcome) -> bool:
    """Return whether the same workers serve after the attack."""
    return not outcome.oom_kills and outcome.workers_after == outcome.workers_before


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def reasons(waits: Waits) -> str:
    """Return the different failures, for a person to read."""
    return "; ".join(sorted({failure[:100] for failure in waits.failures})[:3])


@click.command()
@click.option("--seconds", default=SECONDS, show_default=True, help="duration of each attack")
@click.argument("names", nargs=-1, type=click.Choice(list(SIEGES)))
def main(seconds: float, names: tuple[str, ...]) -> None:
    """Print a table; exit with 1 if a bystander is lost or a worker is replaced."""
    click.echo(HEADINGS)
    lost = False
    for name in names or SIEGES:
        outcome = SIEGES[name].run(seconds)
        click.echo(row(name, outcome))
        for waits in (outcome.report.talkers, outcome.report.visitors, outcome.report.newcomers):
            if waits.failures:
                click.echo(f"  {len(waits.failures)}: {reasons(waits)}", err=True)
        lost = lost or bool(outcome.report.talkers.failures) or not is_kept(outcome)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
