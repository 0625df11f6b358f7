"""Play the Autobahn cases against the bare address of a real gunicorn: `make conformance`.

The cases are those of the Autobahn TestSuite; kosoku drives them.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
from kosoku import FailureError, run_fuzzingclient

from tests.support.servers import Server

# Sections 9, 12 and 13 are about size and compression, and take minutes.
QUICK = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
ALL = (*QUICK, "9.*", *(f"12.{n}.*" for n in range(1, 6)), *(f"13.{n}.*" for n in range(1, 8)))

# The largest messages, those of section 9, have 16 MiB.
LARGEST = 16 * 2**20

# A case's verdict on the messages and on the close. INFORMATIONAL is where RFC 6455 leaves
# the choice to the server: 7.1.6, 7.13.1 and 7.13.2.
Tally = Counter[tuple[str, str]]
LATE = "NON-STRICT"
OK, INFORMATIONAL = ("OK", "OK"), ("INFORMATIONAL", "INFORMATIONAL")


def play(server: Server, cases: Sequence[str], parallel: int = 4) -> tuple[Tally, list[str]]:
    """Play ``cases``, which may have wildcards, and return the tally and what is not OK.

    "NON-STRICT" also means that bad UTF-8 was refused a second late. A busy machine does that. So
    these cases are played again, alone.
    """
    results = []
    for result in _results(server, cases, parallel):
        is_late = result.behavior.value == LATE
        results += _results(server, [result.case_id], 1) if is_late else [result]
    tally: Tally = Counter((r.behavior.value, r.behavior_close.value) for r in results)
    odd = [
        f"{r.case_id} {r.behavior.value}, close {r.behavior_close.value}: {r.result}"
        for r in results
        if (r.behavior.value, r.behavior_close.value) not in (OK, INFORMATIONAL)
    ]
    return tally, odd


def _results(server: Server, cases: Sequence[str], parallel: int) -> list[Any]:
    try:
        return list(
            asyncio.run(run_fuzzingclient(f"{server.ws_url}/", cases=cases, concurrency=parallel))
        )
    except FailureError as failure:
        return list(failure.results)


@click.command()
def main() -> None:
    """Print the tally of all cases; exit with 1 if one is neither OK nor INFORMATIONAL."""
    # Two workers use two cores, of which the client needs a part.
    server = Server("gunicorn", "--workers", "2", MAX_MESSAGE_BYTES=LARGEST)
    tally: Tally = Counter()
    odd: list[str] = []
    try:
        with click.progressbar(ALL, label="Autobahn", item_show_func=str, file=sys.stderr) as bar:
            for section in bar:
                more, wrong = play(server, [section])
                tally += more
                odd += wrong
    finally:
        server.stop()
    for (behavior, close), count in sorted(tally.items()):
        click.echo(f"{count:4} {behavior}, close {close}")
    click.echo(f"{tally.total():4} cases")
    for line in odd:
        click.echo(line)
    sys.exit(1 if odd else 0)


if __name__ == "__main__":
    main()
