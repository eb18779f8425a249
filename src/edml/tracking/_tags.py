"""What the tags of a mirrored version say, and by which it is found again."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from edml.registry import ModelRecord, ModelRegistry
from edml.registry._store import State
from edml.tracking._events import to_key, to_text
from edml.tracking._package import MODEL_FILE

PREFIX = "edml."
REGISTRY, VERSION, SHA256 = "edml.registry", "edml.model_version", "edml.sha256"
LIBRARIES, LOGGED_MODEL = "edml.libraries", "edml.logged_model"
EVALUATED_AT, STAGE = "edml.evaluated_at", "edml.stage"
#: What was written last, as JSON: whatever differs from it was changed by hand.
SYNCED = "edml.synced"
REMOVED = "removed"
#: Figures that a list of versions shows; all of them are metrics of the run.
HEADLINES = ("average_precision", "roc_auc", "brier")

_MAX_LENGTH = 500  # characters of what people wrote


def identity(registry: ModelRegistry, record: ModelRecord) -> dict[str, str]:
    """Give the tags by which a version is found again, and never taken for another.

    Parameters
    ----------
    registry : ModelRegistry
        Where it comes from.
    record : ModelRecord
        Of the version.

    Returns
    -------
    tags : dict of str to str
        They do not change.
    """
    return {
        REGISTRY: registry.name,
        VERSION: str(record.version),
        SHA256: record.files[MODEL_FILE]["sha256"],
        LIBRARIES: json.dumps(record.libraries, sort_keys=True),
    }


def origin(record: ModelRecord) -> dict[str, str]:
    """Give the tags of a version's run: what does not change of it.

    Parameters
    ----------
    record : ModelRecord
        Of the version.

    Returns
    -------
    tags : dict of str to str
        Where it comes from.
    """
    return _as_tags(
        {
            "edml.algorithm": record.algorithm,
            "edml.created_at": record.created_at,
            "edml.threshold": record.threshold,
            "edml.parent": record.parent,
            "edml.split_plan_hash": record.split_plan_hash,
            "edml.data_fingerprint": record.data_fingerprint,
        }
    )


def is_version(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Tell whether tags are those of a version.

    Parameters
    ----------
    tags : mapping of str to str
        On the server.
    wanted : mapping of str to str
        From `identity`.

    Returns
    -------
    found : bool
        By registry, version and file.
    """
    return all(tags.get(name) == wanted[name] for name in (REGISTRY, VERSION, SHA256))


class Describer:
    """Gives the tags of a registry's versions, from one look at it.

    Parameters
    ----------
    registry : ModelRegistry
        What is mirrored.

    Attributes
    ----------
    stages : dict of int to str
        Of all versions.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        store = registry._store
        self.stages = dict(store.state().stages)
        self._changes = _last_changes(store.history())
        table = registry.records()
        self._rows = dict(zip(table["version"], table.to_dict("records"), strict=True))

    def describe(self, record: ModelRecord) -> dict[str, str]:
        """Give what the tags of a version shall say now.

        Parameters
        ----------
        record : ModelRecord
            Of the version.

        Returns
        -------
        tags : dict of str to str
            Without those of its identity. The figures are those of its latest
            evaluation by which no contest was decided.
        """
        found: dict[str, Any] = {
            STAGE: self.stages.get(record.version, REMOVED),
            "edml.algorithm": record.algorithm,
            **self._figures(record.version),
            **self._change(record.version),
            **{f"edml.tag.{name}": value for name, value in record.tags.items()},
        }
        return _as_tags(found)

    def describe_removed(
        self, version: int, before: Mapping[str, str]
    ) -> dict[str, str]:
        """Give what the tags of a version shall say that the registry has no more.

        Parameters
        ----------
        version : int
            Its number.
        before : mapping of str to str
            What they said.

        Returns
        -------
        tags : dict of str to str
            The same, but for the stage and the last change.
        """
        return {**before, **_as_tags({STAGE: REMOVED, **self._change(version)})}

    def _figures(self, version: int) -> dict[str, Any]:
        row = self._rows.get(version, {})  # registered since
        when = row.get("evaluated_at")
        if when is None or pd.isna(when):
            return {}
        return {
            EVALUATED_AT: when.isoformat(),
            **{f"{PREFIX}{name}": row[name] for name in HEADLINES},
        }

    def _change(self, version: int) -> dict[str, Any]:
        change = self._changes.get(version)
        if change is None:
            return {}
        return {
            "edml.change": change.what,
            "edml.changed_by": change.who,
            "edml.why": change.why,
        }


def _last_changes(history: Sequence[State]) -> dict[int, State]:
    found = {}
    for before, after in pairwise([State(), *history]):
        for version in {*before.stages, *after.stages}:
            if before.stages.get(version) != after.stages.get(version):
                found[version] = after
    return found


def _as_tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Write values as MLflow keeps them; it has no tag without a text."""
    return {
        to_key(name): text
        for name, value in values.items()
        if (text := _as_text(value)) is not None
    }


def _as_text(value: Any) -> str | None:
    if isinstance(value, float):
        return None if math.isnan(value) else f"{value:.6g}"
    if value is None or value == "":
        return None
    return to_text(value, _MAX_LENGTH)
