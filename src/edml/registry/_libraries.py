"""The libraries that a stored model depends on, and whether their versions matter."""

import platform
import re
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edml.registry._errors import registry_error

LIBRARIES = (
    "edml",
    "scikit-learn",
    "numpy",
    "pandas",
    "lightgbm",
    "xgboost",
    "imbalanced-learn",
    "skops",
)
# The same library, without the support of GPUs.
_ALSO = {"xgboost": "xgboost-cpu"}
# Models are not guaranteed to work under other minor versions of it.
_STRICT = "scikit-learn"
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})")


@cache
def library_versions() -> dict[str, str]:
    """Return the installed versions, and Python's; "unknown" where one is missing."""
    found = {name: _version(name) for name in LIBRARIES}
    return {**found, "python": platform.python_version()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _version(_ALSO[name]) if name in _ALSO else "unknown"


def check_versions(saved: Mapping[str, str]) -> None:
    """Raise for a model of a newer edml; warn about other versions that may matter."""
    differing = []
    for name, installed in library_versions().items():
        then, here = _parse(saved.get(name)), _parse(installed)
        if then is None or here is None:
            continue
        if name == "edml" and then[0] > here[0]:
            raise registry_error(
                "later_model",
                f"The model was saved by edml {saved[name]}; {installed} is installed. "
                f"Run: pip install 'edml>={then[0]}'.",
                version=then[0],
            )
        if then[0] != here[0] or (name == _STRICT and then != here):
            differing.append(f"{name} {saved[name]} (now {installed})")
    if differing:
        warnings.warn(
            f"The model was saved under {', '.join(differing)}. Compare its "
            "predictions with the stored evaluation, or refit it.",
            UserWarning,
            stacklevel=2,
        )


def _parse(text: Any) -> tuple[int, int] | None:
    found = _NUMBERS.match(text) if isinstance(text, str) else None
    return None if found is None else (int(found[1]), int(found[2]))
