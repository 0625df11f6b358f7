# The part of flask-sock 0.7.0 that is used here; the package has no types of its own.
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Flask

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

class Sock:
    app: Flask | None
    bp: Blueprint | None
    def __init__(self, app: Flask | None = None) -> None: ...
    def init_app(self, app: Flask) -> None: ...
    def route(
        self, path: str, bp: Blueprint | None = None, **kwargs: Any
    ) -> Callable[[_Handler], _Handler]: ...
