"""The one place that imports optional dependencies."""

import importlib
from types import ModuleType

from edml._messages import coded
from edml.exceptions import MissingExtraError


def import_optional(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module``, or raise an error that names the extra to install.

    ``purpose`` is the subject of the message's sentence, such as "Plotting".
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # it is installed, but one of its dependencies is not
        command = f"pip install 'edml[{extra}]'"
        text = f"{purpose} needs {error.name}. Run: {command}."
        message = coded("missing_extra", text, command=command)
        raise MissingExtraError(message, name=error.name) from error
