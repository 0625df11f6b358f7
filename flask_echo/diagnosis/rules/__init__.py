"""The rules of the diagnosis: which facts make which verdict.

For each check, the first rule whose conditions all hold is the verdict. A rule accuses only with
evidence for it; without any, the last rule says that nobody can know, and why. The page has the
same rules (:mod:`flask_echo.diagnosis.book`).

``{name}`` in a sentence stands for a fact.
"""

from flask_echo.diagnosis.rules.arrival import COMPRESSION, HOST, ORIGIN, PATH, TLS
from flask_echo.diagnosis.rules.connection import CONNECTION
from flask_echo.diagnosis.rules.idle import IDLE
from flask_echo.diagnosis.rules.traffic import (
    CLOSE_CODES,
    INTEGRITY,
    MESSAGE_SIZE,
    ROUND_TRIP,
    SEVERAL,
)

RULES = {
    "tls": TLS,
    "connection": CONNECTION,
    "path": PATH,
    "host": HOST,
    "origin": ORIGIN,
    "compression": COMPRESSION,
    "several": SEVERAL,
    "round-trip": ROUND_TRIP,
    "integrity": INTEGRITY,
    "message-size": MESSAGE_SIZE,
    "close-codes": CLOSE_CODES,
    "idle": IDLE,
}
