"""Write what the wheel consists of, and what it needs, in CycloneDX: `make sbom`.

cyclonedx-bom reads an environment that has the wheel with all its extras, in the pinned versions.
It does not see what is vendored, so that is added here. No development tool is in it.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flask_echo import __version__
from tools.installed import ROOT, build, extras, install
from tools.vendored import Package, packages

PLACE = ROOT / "dist/sbom.cdx.json"

Json = dict[str, Any]


@click.command()
def main() -> None:
    """Build the wheel, and describe it."""
    with TemporaryDirectory() as place:
        wheel = build(Path(place, "dist"))
        write(wheel, install(wheel, Path(place)))
    click.echo(f"Wrote {PLACE.relative_to(ROOT)}")


def write(wheel: Path, python: Path) -> None:
    """Describe a wheel in dist/sbom.cdx.json.

    :param python: of an environment that has the wheel, and nothing that it does not need.
    """
    described = complete(_described(python), wheel, packages(ROOT))
    text = json.dumps(described, indent=2, sort_keys=True) + "\n"
    validate(text)
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(text)


def validate(text: str) -> None:
    """Compare an SBOM with the schema of CycloneDX.

    :raises ValueError: if it is not valid.
    """
    # Here, because the fast tests import this module without the packages for a release.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise ValueError(f"the SBOM is not valid: {str(error.data).splitlines()[0]}")


def _described(python: Path) -> Json:
    options = ["--output-reproducible", "--no-validate", "--sv", "1.6"]
    project = ["--pyproject", str(ROOT / "pyproject.toml")]
    words = [sys.executable, "-m", "cyclonedx_py", "environment", *options, *project, str(python)]
    printed = subprocess.check_output(words, cwd=ROOT)
    described: Json = json.loads(printed)
    return described


def complete(sbom: Json, wheel: Path, vendored: Iterable[Package]) -> Json:
    """Return the SBOM of the environment with the version, the vendored files, and the scopes."""
    root = sbom["metadata"]["component"]
    root |= {
        "version": __version__,
        "purl": f"pkg:pypi/flask-echo@{__version__}",
        "hashes": _hashes(wheel),
    }
    for component in sbom["components"]:
        component["scope"] = "optional" if _is_extra(component["name"]) else "required"
    added = [_component(package) for package in vendored]
    sbom["components"] += added
    _depend(sbom["dependencies"], root["bom-ref"], [one["bom-ref"] for one in added])
    return sbom


def _is_extra(name: str) -> bool:
    needed = [Requirement(line) for lines in extras().values() for line in lines]
    return canonicalize_name(name) in {canonicalize_name(one.name) for one in needed}


def _depend(dependencies: list[Json], root: str, references: list[str]) -> None:
    (ours,) = (entry for entry in dependencies if entry["ref"] == root)
    ours["dependsOn"] = sorted([*ours["dependsOn"], *references])
    dependencies += [{"ref": reference} for reference in references]


def _component(package: Package) -> Json:
    scope, _, name = package.name.rpartition("/")
    purl = f"pkg:npm/{package.name.replace('@', '%40')}@{package.version}"
    component: Json = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": package.version,
        "licenses": [{"license": {"id": package.licence, "acknowledgement": "declared"}}],
        "purl": purl,
        "scope": "required",
        "components": list(_files(package)),
    }
    return component | ({"group": scope} if scope else {})


def _files(package: Package) -> Iterator[Json]:
    for name in package.files:
        # The place in the wheel, which is also the path below the address of the service.
        yield {
            "type": "file",
            "bom-ref": f"flask_echo/{name}",
            "name": f"flask_echo/{name}",
            "hashes": _hashes(ROOT / name),
        }


def _hashes(file: Path) -> list[Json]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]


if __name__ == "__main__":
    main()
