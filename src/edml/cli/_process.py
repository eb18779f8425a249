"""``edml process``: write the training features as a table."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from edml._messages import coded
from edml.cli._files import check_suffix, read_file, write_table
from edml.cli._settings import Config
from edml.cli._stores import is_store, open_store
from edml.cli._terminal import stage, words
from edml.datasets import make_target
from edml.exceptions import TableError
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
_DECIDING = ("passing_grade", "partition_days", "exam_names")  # settings of features


def process(raw: Path, out: Path, config: Config) -> dict[str, Any]:
    """Write the features of a file of events."""
    if is_store(raw):
        return _process_store(raw, out, config)
    check_suffix(out)  # before any work
    names = resolve_columns(config.columns)
    with stage("Reading the events"):
        X = read_file(raw, names, source=config.source)
    with stage("Computing the features of {n} rows", n=words.number(len(X))):
        features = describe(X, config)
    with stage("Writing {file}", file=out):
        write_table(out, features)
    histories = history_codes(X[names[STUDENT]], X[names[COURSE]])
    return {
        "features": str(out),
        "n_rows": len(X),
        "n_snapshots": len(features),
        "n_histories": len(np.unique(histories)),
        "n_students": int(X[names[STUDENT]].nunique()),
    }


def _process_store(raw: Path, out: Path, config: Config) -> dict[str, Any]:
    """Write the features of a store as a folder, a file for each bucket."""
    from edml.scale import map_buckets  # noqa: PLC0415 - an extra

    if out.suffix.lower() not in ("", ".parquet"):
        message = (
            "The features of a store are a folder of Parquet files; found a name that "
            f"ends in {out.suffix!r}. Pass another as --out."
        )
        raise TableError(coded("features_folder", message))
    store = open_store(raw, resolve_columns(config.columns))
    key = {name: getattr(config.data, name) for name in _DECIDING}
    key |= {"columns": config.columns, "exam_kinds": config.exam_kinds}
    work = partial(describe, config=config)
    how: dict[str, Any] = {"key": json.dumps(key), "n_jobs": config.data.n_jobs}
    with stage("Computing the features of {n} rows", n=words.number(store.n_rows)):
        map_buckets(work, store, out, **how)
    names = resolve_columns(config.columns)
    n_snapshots = n_histories = 0
    for part in sorted(out.glob("*.parquet")):
        keys = pd.read_parquet(part, columns=[names[STUDENT], names[COURSE]])
        n_snapshots += len(keys)
        n_histories += len(keys.drop_duplicates())
    return {
        "features": str(out),
        "n_rows": store.n_rows,
        "n_snapshots": n_snapshots,
        "n_histories": n_histories,
        "n_students": store.n_students,
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
