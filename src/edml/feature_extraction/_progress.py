"""ProgressFeatures: how far a student has come with what was due."""

import warnings
from typing import ClassVar

import pandas as pd

from edml.feature_extraction._events import Events, event_arrays
from edml.feature_extraction._progress_history import (
    PROGRESS_FEATURES,
    progress_features,
)
from edml.feature_extraction._transformer import HistoryTransformer
from edml.schema import (
    FloatArray,
    IntArray,
    check_work,
    resolve_columns,
    work_columns,
)

_WEIGHT = "ass_weight"


class ProgressFeatures(HistoryTransformer):
    """Compute how far each student has come with what was due by that time.

    A row's features describe the student's assignments in that course, as the platform
    would have shown them at the end of the row's partition: what was due and is
    missing, how early or late work came in, and the marks so far.

    Parameters
    ----------
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones.
    partition_days : float, default=1.0
        Length of a partition in days, > 0; it converts dates and grading delays.
    fill_value : float, default=0.0
        Value of what is unknown, such as the last score before the first one; None
        keeps NaN.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of the table seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    FeatureEngineer : Compute the 44 aggregates of exams and assignments.
    edml.testing.check_no_lookahead : Check that features do not use the future.

    Notes
    -----
    The features of a row depend only on that student's rows in that course, in any
    order. Assignments, submissions and their scores are read as in `FeatureEngineer`;
    a part with neither score nor date is no submission.

    **Due.** An assignment is due from the first partition that ends after the day of
    its due date, in UTC, though not before its row in the table (``ass_name``). A day
    that was past stays past, whatever is known later. Without a due date, or where the
    date of course day 0 is unknown, it is due from the partition of its row on. The
    date of day 0 is not in the table. It is taken, as known at each partition, to be
    the first of these that is known:

    1. the latest day that the submissions require, as none is made after the last day
       of its partition;
    2. the earliest day that the due dates allow, as no row shows an assignment later
       than its due day;
    3. the latest day that the unlock dates require, if no row shows an assignment
       before it unlocks.

    The first two read the rows after the student's first partition, which may hold what
    happened before it; the third reads the rows in it.

    **Submitted.** An assignment counts as submitted from its first part on, on the date
    that this part has (the earliest of several in one partition). It is *on time* if
    that is not after the due date; without both dates, if it came in no later than the
    partition from which it is due. Submissions are ordered by partition, date (missing
    last) and name. Work carried over from an earlier attempt counts from its row on,
    such as partition 0.

    **Weights.** ``ass_weight`` is the percent that an assignment counts in the mark of
    the course, as stated by the first row that has one (the lowest of several in one
    partition). In a row without ``ass_name``, it is that of the submission. Where no
    weight is known yet, it is 10 percent: how many assignments will follow is unknown.

    The features, in this order, are ``particion`` and:

    ============================ =====================================================
    ``missed_n``                 due assignments that are not submitted
    ``missed_streak``            how many of the latest due assignments, in a row, are
                                 not submitted; ordered by partition, due date (missing
                                 last) and name
    ``ahead_n``                  submitted and not due yet
    ``submitted_share``          fraction of the due assignments that is submitted
    ``submitted_weight_share``   the same by weight
    ``on_time_share``            fraction of the due assignments submitted on time
    ``due_score_mean``           mean score of the due assignments; one that is missed
                                 scores 0, one that waits for its score is left out
    ``due_score_weighted_mean``  the same by weight
    ``weight_due``               weight of the due assignments, in percent
    ``marks_in_hand``            marks of the course earned so far, of 100: the scores
                                 of all submissions by weight
    ``score_last``               score of the last submission that has one
    ``score_last_3_mean``        mean score of the last three that have one
    ``score_trend``              last score minus the mean of the earlier ones
    ``days_before_due_last``     days from submission to due date, of the last that has
                                 both; negative if late
    ``days_since_submission``    days since the partition of the last submission
    ``days_since_due``           days since the due date of the latest due assignment;
                                 since the partition of its row, if that made it due
    ============================ =====================================================

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.feature_extraction import ProgressFeatures
    >>> X = make_student_activity(20, random_state=0)
    >>> features = ProgressFeatures().fit_transform(X)
    >>> features[["missed_n", "submitted_share"]].iloc[-1].tolist()
    [0.0, 1.0]
    """

    __module__ = "edml.feature_extraction"
    #: Proven by `edml.testing`: a row's output depends only on its own history.
    _per_history: ClassVar[bool] = True

    def _fit(self, X: pd.DataFrame) -> None:
        read = check_work(X, resolve_columns(self.columns))
        if "ass_name" not in read:
            warnings.warn(
                "The event table has no 'ass_name': nothing counts as due or missed.",
                UserWarning,
                stacklevel=4,
            )

    def _names(self) -> tuple[str, ...]:
        return PROGRESS_FEATURES

    def _read(self, X: pd.DataFrame) -> Events:
        names = resolve_columns(self.columns)
        read = work_columns(self.feature_names_in_, names)
        if names[_WEIGHT] in self.feature_names_in_:
            read[_WEIGHT] = names[_WEIGHT]
        return event_arrays(X, read, self.partition_days)

    def _describe(
        self, read: Events, rows: IntArray | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        return progress_features(
            read.history,
            read.partition,
            read.creations,
            read.submissions,
            partition_days=self.partition_days,
            fill_value=self.fill_value,
            wanted=rows,
            out=out,
        ).T
