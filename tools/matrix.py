"""Run the matrix: every product with every fault, through the probe. ``make matrix`` calls this.

python -m tools.matrix --write docs/matrix.md
python -m tools.matrix --product nginx --fault idle-cut --cures
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.matrix.backends import Backends
from tests.matrix.cell import Result, cells, cured, run
from tests.support.products import PRODUCTS

# Cells that wait need no processor, but the proxies start on two cores.
_AT_ONCE = 4


@click.command()
@click.option("--product", "products", multiple=True, type=click.Choice(list(PRODUCTS)))
@click.option("--fault", "faults", multiple=True)
@click.option("--cures", is_flag=True, help="Also paste each cure, and run the cell again.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    default=Path("/tmp/matrix"),
    help="Where the reports of wrong cells go.",
)
def main(products: Sequence[str], faults: Sequence[str], cures: bool, keep: Path) -> None:
    """Run the cells, print what was said, and fail if a cell is wrong."""
    wanted = [
        (product, fault)
        for product, fault in cells()
        if (not products or product in products) and (not faults or fault in faults)
    ]
    wrong = 0
    for result in _results(wanted, cures, keep):
        wrong += result.outcome == "wrong"
        mark = {"right": "  ", "unknown": "? "}.get(result.outcome, "! ")
        click.echo(
            f"{mark}{result.product:22} {result.fault:28} {result.said:28}"
            f" {result.seconds:5.1f} s {result.reason}"
        )
    sys.exit(1 if wrong else 0)


def _results(wanted: Sequence[tuple[str, str]], cures: bool, keep: Path) -> Iterator[Result]:
    with TemporaryDirectory() as place, ExitStack() as stack:
        backends = Backends(Path(place), stack)
        words = {fault: backends.words(fault) for _, fault in wanted}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            runs = [pool.submit(run, *cell, words[cell[1]], keep) for cell in wanted]
            more = [pool.submit(cured, *cell, words[cell[1]]) for cell in wanted] if cures else []
            for future in (*runs, *more):
                try:
                    result = future.result()
                except Exception as error:
                    click.echo(f"! {str(error).strip()[-200:]}")
                    continue
                if result is not None:
                    yield result


if __name__ == "__main__":
    main()
