"""The tags of a mirrored version: its identity, and its description."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from edml.registry import ModelRecord, ModelRegistry
from edml.tracking._records import to_key, to_text

MODEL_FILE = "model.skops"
RECORD_FILE = "record.json"
PREFIX = "edml."
REGISTRY, VERSION, SHA256 = "edml.registry", "edml.model_version", "edml.sha256"
LIBRARIES, LOGGED_MODEL = "edml.libraries", "edml.logged_model"
EVALUATED_AT, STAGE = "edml.evaluated_at", "edml.stage"
#: The values last written, as JSON; any other value was changed by hand.
SYNCED = "edml.synced"
REMOVED = "removed"
#: The figures shown in a list of versions; the run has all metrics.
HEADLINES = ("average_precision", "roc_auc", "brier")

_MAX_LENGTH = 500  # characters of free text


def identity_tags(registry: ModelRegistry, record: ModelRecord) -> dict[str, str]:
    """Return the tags that identify a version and never change."""
    return {
        REGISTRY: registry.name,
        VERSION: str(record.version),
        SHA256: record.files[MODEL_FILE]["sha256"],
        LIBRARIES: json.dumps(record.libraries, sort_keys=True),
    }


def origin_tags(record: ModelRecord) -> dict[str, str]:
    """Return the tags of a version's run: where it comes from."""
    return _to_tags(
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
    """Check tags against `identity_tags`, by registry, version and file."""
    return all(tags.get(name) == wanted[name] for name in (REGISTRY, VERSION, SHA256))


class Describer:
    """Describes a registry's versions in tags, from one snapshot of the registry."""

    def __init__(self, registry: ModelRegistry) -> None:
        table = registry.records()
        self._rows = dict(zip(table["version"], table.to_dict("records"), strict=True))
        self._changes = {
            version: change
            for change in registry.history().to_dict("records")
            for version, _, _ in change["moves"]
        }
        #: The stage of each version.
        self.stages = {version: row["stage"] for version, row in self._rows.items()}

    def describe(self, record: ModelRecord) -> dict[str, str]:
        """Return the current tags of a version, without those of its identity.

        The figures come from the latest evaluation that did not decide a contest.
        """
        return _to_tags(
            {
                STAGE: self.stages.get(record.version, REMOVED),
                "edml.algorithm": record.algorithm,
                **self._figures(record.version),
                **self._last_change(record.version),
                **{f"edml.tag.{name}": value for name, value in record.tags.items()},
            }
        )

    def describe_removed(
        self, version: int, before: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the tags of a version removed from the registry since ``before``."""
        return {**before, **_to_tags({STAGE: REMOVED, **self._last_change(version)})}

    def _figures(self, version: int) -> dict[str, Any]:
        row = self._rows.get(version, {})  # it may have been registered since
        when = row.get("evaluated_at")
        if when is None or pd.isna(when):
            return {}
        figures = {f"{PREFIX}{name}": row[name] for name in HEADLINES}
        return {EVALUATED_AT: when.isoformat(), **figures}

    def _last_change(self, version: int) -> dict[str, Any]:
        change = self._changes.get(version)
        if change is None:
            return {}
        return {
            "edml.change": change["what"],
            "edml.changed_by": change["who"],
            "edml.why": change["why"],
        }


def _to_tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Convert values to MLflow's tags, which cannot be empty."""
    return {
        to_key(name): text
        for name, value in values.items()
        if (text := _to_tag(value)) is not None
    }


def _to_tag(value: Any) -> str | None:
    if isinstance(value, float):
        return None if math.isnan(value) else f"{value:.6g}"
    if value is None or value == "":
        return None
    return to_text(value, _MAX_LENGTH)
