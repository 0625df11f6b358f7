"""``make roll`` calls this.

python -m tools.roll --write
python -m tools.roll --clients 60 --delay 1 --spread 4 --lifetime 40
"""

import sys

import click

from tools.roll import page
from tools.roll.network import enter, make_bridge
from tools.roll.play import Plan, play
from tools.roll.verdict import figures


@click.command()
@click.option("--clients", type=click.IntRange(3, 5000), default=500, show_default=True)
@click.option("--delay", type=click.FloatRange(0, 300), default=2.0, show_default=True)
@click.option("--spread", type=click.FloatRange(1, 3600), default=10.0, show_default=True)
@click.option(
    "--lifetime",
    type=click.FloatRange(10, 3600),
    default=120.0,
    show_default=True,
    help="Longer than the roll, or the busiest second counts its handshakes, too.",
)
@click.option("--timed/--no-timed", default=True, help="Whether goals of time count, too.")
@click.option("--write", is_flag=True, help=f"Write {page.PAGE.name}.")
def main(
    clients: int, delay: float, spread: float, lifetime: float, timed: bool, write: bool
) -> None:
    """Roll three machines under load. Exit with 1 if a goal is missed.

    It needs root, for its network namespaces.
    """
    make_bridge()
    plan = Plan(clients, delay, spread, lifetime)
    result = figures(plan, play(plan))
    print(page.table(result))
    if write:
        page.write(plan, result)
    sys.exit(any(not figure.is_reached for figure in result if timed or not figure.is_timed))


if __name__ == "__main__":
    enter("tools.roll", sys.argv[1:])
    main()
