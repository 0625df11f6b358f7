"""Run the matrix: every product with every fault. ``make matrix`` calls this.

python -m tools.matrix --page --write
python -m tools.matrix --product nginx --fault idle-cut --cures
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import click

from tests.matrix import page as browser
from tests.matrix.backends import Backends
from tests.matrix.cell import Result, cells, cured, run
from tests.matrix.expectations import EXPECTED
from tests.support.browser import launch, new_tab
from tests.support.products import PRODUCTS
from tests.support.servers import ROOT
from tools.matrix_table import write

PAGE = ROOT / "docs/matrix.md"

# Cells that wait need no processor, but the proxies start on two cores.
_AT_ONCE = 4
_BROWSERS = 2

# The certificate of the cells with TLS is nobody's.
_ANY_CERTIFICATE = "--ignore-certificate-errors"

Cell = tuple[str, str]


@click.command()
@click.option("--product", "products", multiple=True, type=click.Choice(list(PRODUCTS)))
@click.option("--fault", "faults", multiple=True, type=click.Choice(list(EXPECTED)))
@click.option("--probe/--no-probe", default=True, help="Run each cell through the probe.")
@click.option("--page", is_flag=True, help="Run each cell through the page, too.")
@click.option(
    "--once", is_flag=True, help="Run each fault once through the page, with one product."
)
@click.option("--cures", is_flag=True, help="Paste each cure, and run the cell again.")
@click.option("--write", "writes", is_flag=True, help=f"Write {PAGE.name}.")
def main(
    products: Sequence[str], faults: Sequence[str], probe: bool, page: bool, once: bool,
    cures: bool, writes: bool,
) -> None:  # fmt: skip
    """Run the cells, print what was said, and fail if a cell is wrong."""
    wanted = [
        (product, fault)
        for product, fault in cells()
        if (not products or product in products) and (not faults or fault in faults)
    ]
    with TemporaryDirectory() as place, ExitStack() as stack:
        backends = Backends(Path(place), stack)
        words = {fault: backends.words(fault) for _, fault in wanted}
        keep = Path(gettempdir(), "flask-echo-matrix")
        runs: dict[str, list[Result]] = {}
        if probe:
            runs["probe"] = _show(_pooled(wanted, lambda cell: run(*cell, words[cell[1]], keep)))
        if cures:
            runs["cures"] = _show(_pooled(wanted, lambda cell: cured(*cell, words[cell[1]])))
        if page or once:
            through = _one_of_each(wanted) if once else wanted
            seen = [cell for cell in through if cell[1] not in browser.WITHOUT_PAGE]
            runs["page"] = _show(_in_browsers(seen, words))
    if writes:
        PAGE.write_text(write(runs))
    results = [result for each in runs.values() for result in each]
    click.echo(_sum(results))
    sys.exit(1 if any(result.outcome == "wrong" for result in results) else 0)


def _pooled(wanted: Sequence[Cell], call: Callable[[Cell], Result | None]) -> Iterator[Result]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for result in pool.map(lambda cell: _guarded(cell, call), wanted):
            if result is not None:
                yield result


def _guarded(cell: Cell, call: Callable[[Cell], Result | None]) -> Result | None:
    """Run a cell. One that cannot run is wrong, and says why."""
    try:
        return call(cell)
    except Exception as error:
        return Result(*cell, "failed", 0.0, "wrong", str(error).strip().splitlines()[0][:300])


def _in_browsers(
    wanted: Sequence[Cell], words: Mapping[str, Mapping[str, str]]
) -> Iterator[Result]:
    """Run cells in a browser for each of some threads."""
    local = threading.local()
    with ExitStack() as stack:

        def in_page(cell: Cell) -> Result:
            if not hasattr(local, "driver"):
                local.driver = stack.enter_context(launch(_ANY_CERTIFICATE))
            with new_tab(local.driver, "about:blank") as page:
                return browser.run(page, *cell, words[cell[1]])

        with ThreadPoolExecutor(_BROWSERS) as pool:
            for result in pool.map(lambda cell: _guarded(cell, in_page), wanted):
                assert result is not None
                yield result


def _one_of_each(wanted: Sequence[Cell]) -> list[Cell]:
    """Choose one product for each fault, as many different ones as possible."""
    chosen: list[Cell] = []
    used: dict[str, int] = dict.fromkeys(PRODUCTS, 0)
    for fault in EXPECTED:
        possible = [product for product, other in wanted if other == fault]
        if possible:
            product = min(possible, key=used.__getitem__)
            used[product] += 1
            chosen.append((product, fault))
    return chosen


def _show(results: Iterator[Result]) -> list[Result]:
    shown = []
    for result in results:
        shown.append(result)
        mark = {"right": " ", "unknown": "?"}.get(result.outcome, "!")
        click.echo(
            f"{mark} {result.product:22} {result.fault:28} {result.said:28}"
            f" {result.seconds:5.1f} s {result.reason}"
        )
    return shown


def _sum(results: Sequence[Result]) -> str:
    counts = {
        outcome: sum(result.outcome == outcome for result in results)
        for outcome in ("right", "unknown", "wrong")
    }
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


if __name__ == "__main__":
    main()
