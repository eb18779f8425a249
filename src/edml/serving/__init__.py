"""Serve the champion of a registry over HTTP, and a client for the endpoint."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edml.serving._app import create_app, create_blueprint
    from edml.serving._client import RiskClient
    from edml.serving._limits import Limits
    from edml.serving._server import main
    from edml.serving._tokens import read_tokens

__all__ = [
    "Limits",
    "RiskClient",
    "create_app",
    "create_blueprint",
    "main",
    "read_tokens",
]

#: Imported on first use: client and server do not need each other's dependencies.
_HOME = {
    "Limits": "_limits",
    "RiskClient": "_client",
    "create_app": "_app",
    "create_blueprint": "_app",
    "main": "_server",
    "read_tokens": "_tokens",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
