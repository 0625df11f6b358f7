"""Fuzz each target for a bounded time: ``make fuzz``. Exit with 1 if one of them breaks a promise.

atheris drives them: libFuzzer, guided by the coverage of the Python code. An input that breaks a
promise is written to ``reports/fuzz``, and becomes a unit test once the fault is understood.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tools.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
FINDINGS = Path("reports/fuzz")
LONGEST_INPUT = 4096  # bytes
LONGEST_RUN = 10  # seconds for one input; it usually takes less than a millisecond
MOST_MEMORY = 1024  # MiB
# Beside the time to fuzz: to import with instrumentation, and to read the corpus.
SPARE_SECONDS = 60


def fuzz(target: str, seconds: int) -> bool:
    """Fuzz one target and return whether its promises held."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as new:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tools.fuzz.one", target),
                f"-max_total_time={seconds}",
                f"-max_len={LONGEST_INPUT}",
                f"-timeout={LONGEST_RUN}",
                f"-rss_limit_mb={MOST_MEMORY}",
                f"-artifact_prefix={FINDINGS}/{target}-",
                *("-print_final_stats=1", new, str(CORPUS / target)),
            ],
            capture_output=True,
            text=True,
            timeout=seconds + SPARE_SECONDS,
            check=False,
        )
    output = (done.stdout + done.stderr).splitlines()
    runs = next((line.split()[-1] for line in output if "number_of_executed_units" in line), "?")
    click.echo(f"{target:10} {'ok' if done.returncode == 0 else 'BROKEN':6} {runs:>9} inputs")
    if done.returncode:
        click.echo("\n".join(output[-40:]))
    return done.returncode == 0


@click.command()
@click.option("--seconds", default=60, show_default=True, help="for each target")
@click.argument("targets", nargs=-1, type=click.Choice(list(TARGETS)))
def main(seconds: int, targets: tuple[str, ...]) -> None:
    """Fuzz TARGETS, by default all."""
    results = [fuzz(target, seconds) for target in targets or TARGETS]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
