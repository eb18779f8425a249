"""The champion of a registry behind an HTTP endpoint, and the client that asks it.

Nothing here needs Flask before an app or a blueprint is made.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edml.serving._app import create_app
from edml.serving._blueprint import create_blueprint
from edml.serving._limits import Limits
from edml.serving._server import main
from edml.serving._tokens import read_tokens

if TYPE_CHECKING:
    from edml.serving._client import RiskClient

__all__ = [
    "Limits",
    "RiskClient",
    "create_app",
    "create_blueprint",
    "main",
    "read_tokens",
]


def __getattr__(name: str) -> Any:
    if name != "RiskClient":  # the client alone needs an HTTP library
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return import_module(f"{__name__}._client").RiskClient


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
