"""Mirror searches and models in MLflow; the registry remains the source of truth.

Names are imported on first use, because the sender process needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edml.tracking._callback import MlflowCallback
    from edml.tracking._loading import load_model
    from edml.tracking._mirror import SyncReport, sync
    from edml.tracking._model import log_model
    from edml.tracking._search import log_search

__all__ = [
    "MlflowCallback",
    "SyncReport",
    "load_model",
    "log_model",
    "log_search",
    "sync",
]

_HOMES = {
    "MlflowCallback": "_callback",
    "SyncReport": "_mirror",
    "load_model": "_loading",
    "log_model": "_model",
    "log_search": "_search",
    "sync": "_mirror",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
