"""``edml process``: write the training features as a table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from edml.cli._files import check_suffix, read_events, write_table
from edml.cli._settings import Config
from edml.cli._terminal import stage
from edml.datasets import make_target
from edml.feature_extraction import FeatureEngineer
from edml.preprocessing import DataCleaner
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    STUDENT,
    first_rows,
    history_codes,
    resolve_columns,
    snapshot_codes,
)

TARGET = "target"


def process(raw: Path, out: Path, config: Config) -> dict[str, Any]:
    """Write the features of a file of events."""
    check_suffix(out)  # before any work
    names = resolve_columns(config.columns)
    with stage("Reading the events"):
        X = read_events(raw, names, source=config.source)
    with stage(f"Computing the features of {len(X):,} rows"):
        features = describe(X, config)
    with stage(f"Writing {out}"):
        write_table(out, features)
    histories = history_codes(X[names[STUDENT]], X[names[COURSE]])
    return {
        "features": str(out),
        "n_rows": len(X),
        "n_snapshots": len(features),
        "n_histories": len(np.unique(histories)),
        "n_students": int(X[names[STUDENT]].nunique()),
    }


def describe(X: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Return one row per snapshot: the keys, the features, and the target.

    The target is null while the course is running.
    """
    names = resolve_columns(config.columns)
    steps = make_pipeline(
        DataCleaner(columns=config.columns),
        FeatureEngineer(
            columns=config.columns,
            exam_kinds=config.name_exams(),
            partition_days=config.data.partition_days,
        ),
    )
    described = steps.fit_transform(X)
    rows, _ = first_rows(snapshot_codes(X, names))
    features = described.iloc[rows].reset_index(drop=True)
    if names[FINAL_GRADE] in X.columns:
        features[TARGET] = _outcomes(X.iloc[rows], config, names[FINAL_GRADE])
    return features


def _outcomes(X: pd.DataFrame, config: Config, name: str) -> pd.Series:
    target = pd.Series(pd.NA, index=range(len(X)), dtype="Int64")
    ended = X[name].notna().to_numpy()
    if ended.any():
        grade = config.data.passing_grade
        found = make_target(X[ended], grade, columns=config.columns)
        target[ended] = found.to_numpy()
    return target
