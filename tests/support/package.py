"""Where the package is that the tests import: in the repository, or installed from a wheel."""

from pathlib import Path

import flask_echo

PACKAGE = Path(flask_echo.__file__).parent

# The wheel has templates/ and static/ in the package, the repository has them beside it.
ASSETS = PACKAGE if (PACKAGE / "static").is_dir() else PACKAGE.parent
