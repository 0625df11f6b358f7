"""``python -m flask_echo`` is the command ``flask-echo``."""

import sys

from flask_echo.cli import main

sys.exit(main())
