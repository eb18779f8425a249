"""The one place that asks for an optional dependency."""

import importlib
from types import ModuleType

from edml.exceptions import MissingExtraError


def import_optional(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module``, or say which extra brings it.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        The extra of edml that installs it.
    purpose : str
        What needs it, as the subject of a sentence ("Plotting").

    Returns
    -------
    module : module
        The imported module.

    Raises
    ------
    MissingExtraError
        If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # it is installed, and something that it needs is not
        message = f"{purpose} needs {error.name}. Run: pip install 'edml[{extra}]'."
        raise MissingExtraError(message, name=error.name) from error
