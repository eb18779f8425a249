"""ModelRecord: the metadata of a stored model, available without loading it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from numbers import Integral, Real
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

import numpy as np
from sklearn.pipeline import Pipeline

from edml.exceptions import RegistryError
from edml.pipeline import Blend
from edml.registry._libraries import library_versions
from edml.registry._protocol import MAX_NUMBER, MODEL, is_time
from edml.registry._versions import now

#: Internal classes, with the names that users know.
_ALGORITHMS = {"SerialForest": "RandomForestClassifier"}
DEFAULT_THRESHOLD = 0.5  # if the model has none, as in `edml.evaluate`


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelRecord:
    """The metadata of a stored model; `ModelRegistry` returns it.

    Parameters
    ----------
    version : int
        Its number in the registry, from 1.
    stage : {"development", "staging", "production"}
        Its stage when the record was read.
    algorithm : str
        Class of the pipeline's last step.
    parameters : dict
        Parameters of that step, as far as JSON can hold them.
    threshold : float
        The probability at and above which a student is flagged; 0.5 if the model has
        no threshold.
    feature_names : tuple of str or None
        The columns of the table that it was fitted on, if they have names.
    split_plan_hash : str or None
        Hash of the folds that calibration and threshold were learned from.
    data_fingerprint : str or None
        SHA-256 of the rows that it was trained on.
    threshold_fingerprint : str or None
        SHA-256 of the rows that its threshold was chosen on, if they differ.
    libraries : dict of str to str
        Versions of the libraries that it was stored with.
    created_at : str
        When it was first stored, in UTC, as ISO 8601.
    parent : int or None
        The version that it was derived from.
    tags : dict
        The user's notes.
    files : dict of str to dict
        Size and SHA-256 of each of its files.
    training : dict or None
        What `ModelRegistry.refit` needs; None if unknown.
    validation : dict or None
        The headline figures of the evaluation that it was registered with, and the
        ``data_fingerprint`` of their rows.
    origin : dict or None
        The registry and version that an imported model comes from.
    answers : dict or None, default=None
        The model's probabilities for made-up students, to the bit, which loading
        compares; None for models that earlier versions of edml stored, and for those
        that cannot read made-up students.
    cross_validation : dict or None, default=None
        The score of the search that found it: ``scoring``, ``mean`` and ``std`` over
        the folds, and their number, ``n_folds``. It was chosen for its score, which
        therefore flatters it.

    See Also
    --------
    ModelRegistry.record : Read the record of a version.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.registry import ModelRecord, ModelRegistry
    >>> model = LogisticRegression(C=2.0).fit([[0.0], [1.0]], [0, 1])
    >>> with TemporaryDirectory() as folder:
    ...     record = ModelRegistry(folder).register(model)
    >>> record.version, record.stage, record.algorithm, record.parameters["C"]
    (1, 'development', 'LogisticRegression', 2.0)
    >>> ModelRecord.from_dict(record.to_dict()) == record
    True
    """

    __module__ = "edml.registry"

    version: int
    stage: str
    algorithm: str
    parameters: dict[str, Any]
    threshold: float
    feature_names: tuple[str, ...] | None
    split_plan_hash: str | None
    data_fingerprint: str | None
    threshold_fingerprint: str | None
    libraries: dict[str, str]
    created_at: str
    parent: int | None
    tags: dict[str, Any]
    files: dict[str, dict[str, Any]]
    training: dict[str, Any] | None
    validation: dict[str, Any] | None
    origin: dict[str, Any] | None
    answers: dict[str, Any] | None = None
    cross_validation: dict[str, Any] | None = None

    @property
    def model_hash(self) -> str | None:
        """SHA-256 of the model's file, which tells versions of registries apart."""
        return self.files.get(MODEL, {}).get("sha256")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The fields.
        """
        data = asdict(self)
        if self.feature_names is not None:
            data["feature_names"] = list(self.feature_names)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a record that `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            What `to_dict` returned, possibly after a round trip through JSON. Unknown
            fields are ignored, because later versions of edml may add some.

        Returns
        -------
        record : ModelRecord
            An equal record.

        Raises
        ------
        RegistryError
            If a field is missing or has the wrong type.
        """
        # records from before have none of these
        data = {"answers": None, "cross_validation": None, **data}
        given = {name: data[name] for name in _read_kinds() if name in data}
        for name, kinds in _read_kinds().items():
            if name not in given:
                problem = f"found no {name!r}"
            elif type(given[name]) not in kinds:
                problem = f"found {name!r} of type {type(given[name]).__name__}"
            elif name in _CHECKS and not _CHECKS[name](given[name]):
                problem = f"found {name!r} with an impossible value"
            else:
                continue
            raise RegistryError(
                f"Expected what ModelRecord.to_dict returns; {problem}. Restore the "
                "record from a backup, or read it with the edml that wrote it."
            )
        if given["feature_names"] is not None:
            given["feature_names"] = tuple(map(str, given["feature_names"]))
        given["threshold"] = float(given["threshold"])
        written = given["algorithm"]  # earlier versions wrote the internal name
        given["algorithm"] = _ALGORITHMS.get(written, written)
        return cls(**given)

    def __repr__(self) -> str:
        return (
            f"ModelRecord(version={self.version}, stage={self.stage!r}, "
            f"algorithm={self.algorithm!r}, threshold={self.threshold:.3g}, "
            f"parent={self.parent}, tags={self.tags})"
        )


#: What a field's value must be, besides its type.
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "threshold": lambda number: 0 <= number <= 1,
    "parent": lambda number: number is None or 0 < number <= MAX_NUMBER,
    "created_at": is_time,
}


@cache
def _read_kinds() -> dict[str, set[type]]:
    """Return the types that each field of a written record may have."""
    kinds = {}
    for name, hint in get_type_hints(ModelRecord).items():
        if name in ModelRecord.__dataclass_fields__:
            options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
            kinds[name] = {get_origin(one) or one for one in options}
    kinds["feature_names"].add(list)  # JSON turns tuples into lists
    kinds["threshold"].add(int)  # and floats may be whole numbers
    return kinds


def describe(
    model: Any,
    *,
    parent: int | None = None,
    tags: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the record fields that come from the model and the caller."""
    final = _final_step(getattr(model, "pipeline_", model))
    names = getattr(model, "feature_names_in_", None)
    return {
        "algorithm": _name(final),
        "parameters": _parameters(final),
        "threshold": float(getattr(model, "threshold_", DEFAULT_THRESHOLD)),
        "feature_names": None if names is None else [str(name) for name in names],
        "split_plan_hash": getattr(model, "split_plan_hash", None),
        "data_fingerprint": getattr(model, "data_fingerprint", None),
        "threshold_fingerprint": None,
        "libraries": library_versions(),
        "created_at": now(),
        "parent": parent,
        "tags": _check_tags(tags or {}),
        "training": None,
        "validation": None,
        "origin": None,
    }


def plain(value: Any) -> Any:
    """Return a parameter in JSON form; for an object, only its class."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return f"<{type(value).__name__}>"


def _final_step(estimator: Any) -> Any:
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def _name(classifier: Any) -> str:
    name = type(classifier).__name__
    return _ALGORITHMS.get(name, name)


def _parameters(final: Any) -> dict[str, Any]:
    """Return the parameters of a classifier, or of each member of a blend."""
    if isinstance(final, Blend):
        bare = [_final_step(one) for one in final.classifiers_]
        members = [{"classifier": _name(one), **_parameters(one)} for one in bare]
        return {"scale": final.scale, "members": members}
    given = final.get_params(deep=False)
    return {name: plain(value) for name, value in given.items()}


def _check_tags(tags: Mapping[str, Any]) -> dict[str, Any]:
    kinds = (str, bool, Integral, Real, type(None))
    if (
        not isinstance(tags, Mapping)
        or not all(isinstance(name, str) for name in tags)
        or not all(isinstance(value, kinds) for value in tags.values())
    ):
        raise RegistryError(
            "Expected tags as a dict of names to texts, numbers, booleans or None; "
            "found something else. Convert the values."
        )
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in tags.items()
    }
