"""``edml predict`` of a store: bucket by bucket, in processes."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils.parallel import Parallel, delayed

from edml.cli._selection import (
    COURSE_NAME,
    FILE_NUMBER,
    Chosen,
    Wanted,
    choose_histories,
    name_courses,
    read_histories,
)
from edml.cli._settings import Config
from edml.cli._stores import open_store
from edml.cli._terminal import stage, words
from edml.scale import EventStore, map_buckets
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    PARTITION,
    PERIOD,
    STUDENT,
    history_codes,
)

_OF_HISTORIES = (
    *(STUDENT, COURSE, PARTITION, PERIOD, FINAL_GRADE),
    *(COURSE_NAME, FILE_NUMBER),
)


def predict_store(
    path: Path,
    wanted: Wanted,
    names: Mapping[str, str],
    config: Config,
    score: Callable[..., pd.DataFrame],
    key: str,
) -> tuple[Chosen, str, pd.DataFrame]:
    """Choose among the histories of all buckets, and score the chosen ones.

    Return what is chosen, without events, the store's fingerprint, and the predictions,
    the highest probability first. Those of the buckets stay in the folder .buckets of
    the inferences, so that a later run goes on if this one is stopped.
    """
    store, n_jobs = open_store(path, names), config.data.n_jobs
    have = [names[name] for name in _OF_HISTORIES]
    have = [name for name in have if name in store.manifest["names"]]
    with stage("Listing the students"):
        tables = Parallel(n_jobs=n_jobs)(
            delayed(_list_bucket)(store, bucket, have, names)
            for bucket in range(store.n_buckets)
        )
        histories = name_courses(pd.concat(tables))
        days = config.data.partition_days
        chosen, partition = choose_histories(histories, wanted, names, days)
    codes = chosen.index.to_frame(index=False).groupby("bucket")["history"]
    of_bucket = {bucket: found.to_numpy() for bucket, found in codes}
    none = np.array([], dtype=np.int64)
    each = [of_bucket.get(bucket, none) for bucket in range(store.n_buckets)]
    work = partial(_score_bucket, score=score, partition=partition, names=dict(names))
    out = config.paths.inferences / ".buckets"
    with stage("Scoring {n} buckets", n=words.number(store.n_buckets)):
        map_buckets(work, store, out, key=key, each=each, n_jobs=n_jobs)
    parts = [pd.read_parquet(part) for part in sorted(out.glob("*.parquet"))]
    found = pd.concat([part for part in parts if len(part)], ignore_index=True)
    for name in ("reasons", "facts", "reason_features"):
        if name in found.columns:  # Parquet returns arrays
            found[name] = [list(one) for one in found[name]]
    order = np.argsort(-found["probability"].to_numpy(), kind="stable")
    found = found.iloc[order].reset_index(drop=True)
    return Chosen(pd.DataFrame(), chosen, partition), store.fingerprint, found


def _list_bucket(
    store: EventStore, bucket: int, have: list[str], names: Mapping[str, str]
) -> pd.DataFrame:
    found = read_histories(store.read(bucket, have), names)
    return pd.concat({bucket: found}, names=["bucket", "history"])


def _score_bucket(
    X: pd.DataFrame,
    codes: np.ndarray,
    score: Callable[..., pd.DataFrame],
    partition: int | None,
    names: Mapping[str, str],
) -> pd.DataFrame:
    if not len(codes):
        return pd.DataFrame()
    of_rows = history_codes(X[names[STUDENT]], X[names[COURSE]])
    events = X[np.isin(of_rows, codes)]
    return score(chosen=Chosen(events, pd.DataFrame(), partition))
