"""What a student's grades were so far, on average; slow to import."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from edml.classifier._units import latest_rows
from edml.datasets import as_of
from edml.feature_extraction import FeatureEngineer
from edml.preprocessing import DataCleaner
from edml.schema import COURSE, NAME_COLUMNS, STUDENT

#: The features that are averages, by the names that they have here.
AVERAGES = {"exam_average": "nota_overall_mean", "score_average": "score_mean"}


def add_averages(
    students: pd.DataFrame,
    X: pd.DataFrame,
    at: float,
    names: Mapping[str, str],
    *,
    partition_days: float = 1.0,
    pending: str = "missing",
) -> pd.DataFrame:
    """Give a list of students with the averages of their exams and assignments.

    They are the features that the model reads, as known at the end of the partition.

    Parameters
    ----------
    students : DataFrame of shape (n_histories, n_columns)
        What `RiskClassifier.score_students` gave for ``X`` and ``at``.
    X : DataFrame
        The events.
    at : float
        The partition.
    names : mapping of str to str
        Actual column names by canonical name.
    partition_days : float, default=1.0
        Length of a partition in days.
    pending : {"missing", "zero"}, default="missing"
        How submissions that wait for a grade count; see `FeatureEngineer`.

    Returns
    -------
    students : DataFrame of shape (n_histories, n_columns + 2)
        With ``exam_average`` and ``score_average``, NaN where there is no grade yet.
    """
    shown = as_of(X, at, columns=names, partition_days=partition_days)
    latest = np.zeros(len(shown), dtype=np.bool_)
    latest[latest_rows(shown, names)] = True
    # most rows are ticks, of which no feature knows anything
    named = np.any([shown[names[name]].notna() for name in NAME_COLUMNS], axis=0)
    shown, rows = shown[named | latest], np.flatnonzero(latest[named | latest])
    engineer = FeatureEngineer(
        columns=names, pending=pending, partition_days=partition_days, fill_value=None
    )
    cleaned = DataCleaner(columns=names).fit_transform(shown)
    features = engineer.fit_transform(cleaned)
    keys = shown.iloc[rows]
    index = pd.MultiIndex.from_arrays(
        [keys[names[name]].astype(object) for name in (STUDENT, COURSE)]
    )
    wanted = pd.MultiIndex.from_arrays(
        [students[name].astype(object) for name in (STUDENT, COURSE)]
    )
    place = index.get_indexer(wanted)
    found = {
        name: np.asarray(features[feature], dtype=np.float64)[rows][place]
        for name, feature in AVERAGES.items()
    }
    return students.assign(**found)
