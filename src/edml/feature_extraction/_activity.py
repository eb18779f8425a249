"""ActivityFeatures: what a student did online, in all and lately."""

from typing import ClassVar

import pandas as pd

from edml._messages import coded
from edml.exceptions import TableError
from edml.feature_extraction._activity_history import (
    ACTIVITY_FEATURES,
    activity_features,
)
from edml.feature_extraction._transformer import HistoryTransformer, Rows
from edml.schema import (
    ACTIVITY_PREFIX,
    PARTITION,
    SNAPSHOT_KEYS,
    FloatArray,
    IntArray,
    check_table,
    read_numbers,
    resolve_columns,
    row_error,
)

_MOST = 2**40  # so that the sums of a partition are exact in a float


class ActivityFeatures(HistoryTransformer):
    """Compute how active each student was online, in all and lately.

    The columns ``activity_<kind>`` of the event table, such as ``activity_forum``,
    count what the student did in the row's partition: clicks, page views, or lines of a
    log. `edml.sources.add_activity` makes these columns.

    Parameters
    ----------
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones.
    partition_days : float, default=1.0
        Length of a partition in days, > 0.
    fill_value : float, default=0.0
        Value of the days since the last activity before the first one; None keeps NaN.

    Attributes
    ----------
    activity_columns_ : list of str
        The columns ``activity_<kind>`` seen in `fit`, sorted.
    n_features_in_ : int
        Number of columns of the table seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    edml.sources.add_activity : Add activity to an event table.
    ProgressFeatures : Compute how far a student has come with what was due.

    Notes
    -----
    The features of a row depend only on that student's rows in that course, up to the
    row's partition, in any order. Counts are whole numbers; an empty cell is 0, and the
    counts of several rows of one partition add up. A partition is active if any count
    in it is above 0. The last ``d`` days are the partitions that begin less than ``d``
    days before the row's partition does, and that partition.

    The features, in this order, are ``particion`` and:

    ======================= ==========================================================
    ``actions_n``           counts of all kinds, in all
    ``actions_n_7d``        the same in the last 7 days, and so on for 14 and 28
    ``active_n``            active partitions, in all
    ``active_n_7d``         the same in the last 7 days, and so on for 14 and 28
    ``days_since_active``   days since the last active partition
    ``actions_log_ratio``   natural logarithm of (1 + the counts of the last 14 days) /
                            (1 + those of the 14 days before)
    ``activity_<kind>_n``   the counts of one kind, in all
    ``activity_<kind>_14d`` the same in the last 14 days
    ======================= ==========================================================

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.feature_extraction import ActivityFeatures
    >>> X = pd.DataFrame({"user_uuid": "ana", "course_uuid": "x"}, index=range(3))
    >>> X["particion"], X["activity_quiz"] = [0, 3, 20], [2, 5, 1]
    >>> features = ActivityFeatures().fit_transform(X)
    >>> features[["actions_n", "actions_n_7d", "active_n_28d"]].to_numpy().tolist()
    [[2.0, 2.0, 1.0], [7.0, 7.0, 2.0], [8.0, 1.0, 3.0]]
    """

    __module__ = "edml.feature_extraction"
    #: Proven by `edml.testing`: a row's output depends only on its own history.
    _per_history: ClassVar[bool] = True

    def _fit(self, X: pd.DataFrame) -> None:
        names = resolve_columns(self.columns)
        check_table(X, [names[key] for key in SNAPSHOT_KEYS])
        given = {name for name in X.columns if isinstance(name, str)}
        given -= set(names.values())
        found = sorted(name for name in given if name.startswith(ACTIVITY_PREFIX))
        if not found:
            message = (
                "The event table has no column of activity, such as 'activity_quiz'. "
                "Add activity with edml.sources.add_activity, or leave these features "
                "out."
            )
            raise TableError(message)
        check_table(X, found)
        self.activity_columns_ = found

    def _names(self) -> list[str]:
        return [
            *(PARTITION, *ACTIVITY_FEATURES),
            *(f"{name}_{of}" for name in self.activity_columns_ for of in ("n", "14d")),
        ]

    def _describe(
        self, read: Rows, rows: IntArray | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        kinds = self.activity_columns_
        absent = [name for name in kinds if name not in read.X.columns]
        if absent:
            message = coded(
                "missing_activity",
                f"The event table lacks {absent}, the activity that the features were "
                "fitted with. Add it with edml.sources.add_activity, with zeros for a "
                "kind that did not occur, or use a model without activity.",
                columns=absent,
            )
            raise TableError(message)
        check_table(read.X, kinds)
        return activity_features(
            read.history,
            read.partition,
            (_read_counts(read.X[name]) for name in kinds),
            n_kinds=len(kinds),
            partition_days=self.partition_days,
            fill_value=self.fill_value,
            wanted=rows,
            out=out,
        ).T


def _read_counts(column: pd.Series) -> FloatArray:
    """Read counts, whole numbers from 0; null is 0, NaN here."""
    counts = read_numbers(column)
    bad = (counts < 0) | (counts > _MOST) | (counts % 1 > 0)  # NaN compares as False
    if bad.any():
        raise row_error(
            column,
            bad,
            "hold a negative, fractional or immense count",
            "Counts are whole numbers from 0, or null.",
        )
    return counts
