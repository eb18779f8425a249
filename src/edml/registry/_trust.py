"""What may be loaded: from a model to bytes, and back, with nothing unpickled.

Loading goes in four steps, and nothing is made before the first three are done:
the archive (plain members of bounded size), the types (a closed list), the content
(trees, boosters, arrays), and then, of what was made, whether its parts agree.
"""

import platform
import re
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from edml.exceptions import RegistryError
from edml.registry import _types
from edml.registry._archive import (
    SCHEMA,
    read_members,
    read_schema,
    size_limit,
)
from edml.registry._contents import ContentCheck, check_model
from edml.registry._making import make
from edml.registry._nodes import Walk
from edml.registry._packing import pack, untrusted_types
from edml.registry._states import refuse
from edml.registry._trees import check_trees

#: The kinds of description that this edml reads; skops numbers them.
PROTOCOLS = (2,)
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
# Models are not promised to work under another minor version of it.
_STRICT = "scikit-learn"
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})")
_TRUSTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def dumps(model: Any, *, trusted: Sequence[str] = ()) -> bytes:
    """Give the bytes of a fitted model, and prove that they can be loaded.

    Parameters
    ----------
    model : classifier
        Fitted: `RiskClassifier.deployable`, or any classifier or pipeline of the
        types on the list.
    trusted : sequence of str, default=()
        Names of further classes, with their modules; `loads` needs them too.

    Returns
    -------
    data : bytes
        A skops file, deflated; the same model gives the same bytes.

    Raises
    ------
    RegistryError
        If the model is not fitted, is no classifier, or holds what is not on the
        list.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.registry._trust import dumps, loads
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> loads(dumps(model)).predict([[2.0]])
    array([1])
    """
    names = _check_trusted(trusted)
    check_model(model)
    data = pack(model)
    found = untrusted_types(read_schema(read_members(data)[SCHEMA]), names)
    if found:
        message = (
            f"The {type(model).__name__} holds types that are not known to be safe: "
            f"{found}. Use others, or name in trusted=[...] those of your own."
        )
        raise RegistryError(message)
    loads(data, trusted=trusted)
    return data


def loads(data: bytes, *, trusted: Sequence[str] = ()) -> Any:
    """Give the model of a file's bytes, after everything in it was checked.

    Parameters
    ----------
    data : bytes
        What `dumps` gave, wherever it has been since.
    trusted : sequence of str, default=()
        Names of further classes, with their modules. Their code is run; what they
        hold is checked as all else is.

    Returns
    -------
    model : classifier
        It predicts the same bits as the one that was stored.

    Raises
    ------
    RegistryError
        If anything is damaged, unknown, or out of bounds.

    Examples
    --------
    >>> from edml.registry._trust import loads
    >>> loads(b"not a model")
    Traceback (most recent call last):
        ...
    edml.exceptions.RegistryError: The model file is no archive that can be read \
(BadZipFile): it is damaged. Restore it from a copy.
    """
    names = _check_trusted(trusted)
    try:
        schema, members = _audit(data, names)
        with warnings.catch_warnings():
            # told once and in our own words by check_versions
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            model = make(schema, members)
        check_model(model)
    except RegistryError:
        raise
    except Exception as error:  # whatever part is missing, or of another kind
        message = (
            f"The model file is damaged ({type(error).__name__} while it was read). "
            "Restore it from a copy."
        )
        raise RegistryError(message) from error
    return model


def _audit(
    data: bytes, trusted: frozenset[str]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Check all that a file holds, and give it: its description, and its members."""
    members = read_members(data)
    schema = read_schema(members[SCHEMA])
    protocol = schema.pop("protocol", None)
    if type(protocol) is not int or protocol not in PROTOCOLS:
        message = (
            f"The model file is of skops' protocol {str(protocol)[:20]}; this edml "
            f"reads {PROTOCOLS}. Install an edml that wrote it."
        )
        raise RegistryError(message)
    content = ContentCheck()
    walk = Walk(members, tuple(trusted), size_limit(len(data)), content)
    walk.visit(schema)
    check_trees(content.trees)
    if members.keys() - walk.used != {SCHEMA}:
        refuse("holds members that the model does not use")
    return schema, members


def _check_trusted(trusted: Sequence[str]) -> frozenset[str]:
    if isinstance(trusted, str) or not all(isinstance(name, str) for name in trusted):
        message = "trusted is a list of names such as 'mine.steps.Scaler'."
        raise RegistryError(message)
    for name in trusted:
        never = name in _types.NEVER or name.partition(".")[0] in _types.NEVER_MODULES
        if never or not _TRUSTED_NAME.fullmatch(name):
            message = (
                f"trusted names {name[:80]!r}, which no model needs and which could "
                "run anything. Name the classes of your own steps alone."
            )
            raise RegistryError(message)
    return frozenset(trusted)


def library_versions() -> dict[str, str]:
    """Give the versions of the libraries that a stored model depends on.

    Returns
    -------
    versions : dict of str to str
        Of `LIBRARIES` and of Python; "unknown" where one is not installed as such.

    Examples
    --------
    >>> from edml.registry._trust import library_versions
    >>> sorted(library_versions())[:3]
    ['edml', 'imbalanced-learn', 'lightgbm']
    """
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return {**found, "python": platform.python_version()}


def check_versions(saved: Mapping[str, str]) -> None:
    """Compare the versions that a model was saved under with those installed.

    Parameters
    ----------
    saved : mapping of str to str
        What `library_versions` gave then.

    Raises
    ------
    RegistryError
        If it was saved by a later major version of edml.

    Warns
    -----
    UserWarning
        If another library has another major version, or scikit-learn another minor
        one.

    Examples
    --------
    >>> from edml.registry._trust import check_versions, library_versions
    >>> check_versions(library_versions())
    """
    differing = []
    for name, now in library_versions().items():
        then = _parse(saved.get(name))
        here = _parse(now)
        if then is None or here is None:
            continue
        if name == "edml" and then[0] > here[0]:
            message = (
                f"The model was saved by edml {saved[name]}; {now} is installed. "
                f"Run: pip install 'edml>={then[0]}'."
            )
            raise RegistryError(message)
        if then[0] != here[0] or (name == _STRICT and then != here):
            differing.append(f"{name} {saved[name]} (now {now})")
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
