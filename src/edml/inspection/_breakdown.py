"""The figures of an Evaluation again, for each day, course or group."""

import numpy as np
import pandas as pd

from edml.inspection._judged import Judged
from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics
from edml.schema import IntArray

# A breakdown has as many units as the whole, in parts. So many resamples of each part
# take about the time that 1,000 of the whole do, however many parts there are.
N_RESAMPLES = 200


def break_down(
    judged: Judged,
    codes: IntArray,
    key: pd.Series,
    *,
    threshold: float,
    min_count: int,
    confidence: float,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> pd.DataFrame:
    """Measure each part of the units.

    Parameters
    ----------
    judged : Judged
        The units.
    codes : ndarray of shape (n_units,)
        The part of each unit, positions in ``key``.
    key : Series of shape (n_parts,)
        What the parts are called; its name is that of the first column.
    threshold : float
        The probability at and above which a unit is flagged.
    min_count : int
        Parts with fewer students are too small to tell.
    confidence : float
        Of the intervals.
    n_resamples : int
        Resamples of the headline; the parts have `N_RESAMPLES` at most.
    random_state : int, RandomState or None
        Draws the students.

    Returns
    -------
    table : DataFrame
        One row per part, in the order of ``key``.
    """
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.searchsorted(codes[order], np.arange(1, len(key))))
    resamples = min(n_resamples, N_RESAMPLES)
    records = []
    for part in parts:
        fails, students = judged.fails[part], judged.students[part]
        counts = {
            "n_snapshots": len(part),
            "n_students": len(np.unique(students)),
            "n_failing": len(np.unique(students[fails])),
        }
        probability = judged.probability[part]
        figures = snapshot_metrics(fails, probability, threshold)
        interval = (np.nan, np.nan)
        enough = counts["n_students"] >= min_count and 0 < fails.sum() < len(part)
        if not enough:
            figures = dict.fromkeys(figures, np.nan)
        elif resamples:
            draws = bootstrap_metrics(
                fails,
                probability,
                judged.clusters[part],
                metrics=["roc_auc"],
                n_resamples=resamples,
                random_state=random_state,
            )
            interval = percentile_interval(draws["roc_auc"], confidence)
        limits = {"roc_auc_low": interval[0], "roc_auc_high": interval[1]}
        records.append(counts | figures | limits | {"enough": bool(enough)})
    return _as_table(key, records)


def _as_table(key: pd.Series, records: list[dict[str, float]]) -> pd.DataFrame:
    names = list(snapshot_metrics([0], [0.0]))
    dtypes = dict.fromkeys(["n_snapshots", "n_students", "n_failing"], "int64")
    dtypes |= dict.fromkeys([*names, "roc_auc_low", "roc_auc_high"], "float64")
    dtypes["enough"] = "bool"
    table = pd.DataFrame(records, columns=list(dtypes)).astype(dtypes)
    table.insert(0, str(key.name), key.to_numpy())
    return table


def no_breakdown(name: str, dtype: str) -> pd.DataFrame:
    """Give the table of no part.

    Parameters
    ----------
    name : str
        Name of its first column.
    dtype : str
        What that column would hold.

    Returns
    -------
    table : DataFrame
        With all columns, and no row.
    """
    return _as_table(pd.Series([], name=name, dtype=dtype), []).astype({name: dtype})
