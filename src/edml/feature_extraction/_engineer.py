"""FeatureEngineer: the point-in-time features of every row."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from edml._sklearn import StrOptions
from edml.feature_extraction._events import Events, event_arrays
from edml.feature_extraction._history import FEATURES, history_features
from edml.feature_extraction._transformer import HistoryTransformer
from edml.schema import (
    FloatArray,
    IntArray,
    check_work,
    describe_absent,
    read_names,
    resolve_columns,
    resolve_exam_kinds,
    work_columns,
)

_MOST_NAMES = 10  # in a warning


class FeatureEngineer(HistoryTransformer):
    """Compute features of each row from what was known about its student at that time.

    A row's features are aggregates of the student's exams and assignments in that
    course, as the platform would have shown them at the end of the row's partition;
    they exclude everything that happened, or was graded, later. All rows of one
    student, course and partition get the same features.

    Parameters
    ----------
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones.
    exam_kinds : {"original", "english"} or mapping of str to list of str, default=None
        The exam names of the kinds "parciales" (midterms), "integradores" (finals) and
        "recuperatorios" (resits): a preset, or your own. None is "original", the
        names of the original platform, which a kind that is left out keeps.
    pending : {"missing", "zero"}, default="missing"
        Whether an ungraded submission has no score or scores 0.
    partition_days : float, default=1.0
        Length of a partition in days, > 0; it converts grading delays.
    fill_value : float, default=0.0
        Value of statistics without data; None keeps NaN.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of the table seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    edml.preprocessing.DataCleaner : Convert a raw table to canonical form.
    edml.testing.check_no_lookahead : Check that features do not use the future.

    Notes
    -----
    The transformer learns only which columns there are in `fit`: the features of a row
    depend only on that student's rows in that course, in any order.

    Needed are the keys and one kind of work: exams (name and grade), assignments (name)
    or submissions (name, and score or date). Other columns may be absent, which is the
    same as null. A warning of `fit` names the features that stay empty, and the exams
    that are of no kind.

    Grades and scores are in the units of the table, counts are counts of exams
    or assignments (never of rows), the timings ``hrs_*`` are hours,
    ``rel_time_taken_to_do_assignment`` is a fraction of the time given, and
    ``parcial_sobre_ass`` is a percentage.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.feature_extraction import FeatureEngineer
    >>> X = make_student_activity(20, random_state=0)
    >>> features = FeatureEngineer().fit_transform(X)
    >>> features.shape[1]
    46
    >>> list(features.columns[:5])
    ['user_uuid', 'course_uuid', 'particion', 'parciales_n_sum', 'nota_parciales_min']
    """

    __module__ = "edml.feature_extraction"
    #: Proven by `edml.testing`: a row's output depends only on its own history.
    _per_history: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HistoryTransformer._parameter_constraints,
        "exam_kinds": [Mapping, str, None],
        "pending": [StrOptions({"missing", "zero"})],
    }

    def __init__(
        self,
        columns: Mapping[str, str] | None = None,
        exam_kinds: str | Mapping[str, Iterable[str]] | None = None,
        pending: str = "missing",
        partition_days: float = 1.0,
        fill_value: float | None = 0.0,
    ) -> None:
        super().__init__(columns, partition_days, fill_value)
        self.exam_kinds = exam_kinds
        self.pending = pending

    def _fit(self, X: pd.DataFrame) -> None:
        kinds = resolve_exam_kinds(self.exam_kinds)
        read = check_work(X, resolve_columns(self.columns))
        for said in (describe_absent(read), _describe_exams(X, read, kinds)):
            if said:
                warnings.warn(said, UserWarning, stacklevel=4)

    def _names(self) -> tuple[str, ...]:
        return FEATURES

    def _read(self, X: pd.DataFrame) -> Events:
        read = work_columns(self.feature_names_in_, resolve_columns(self.columns))
        return event_arrays(X, read, self.partition_days)

    def _describe(
        self, read: Events, rows: IntArray | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        kinds = resolve_exam_kinds(self.exam_kinds)
        return history_features(
            read.history,
            read.partition,
            read.exams,
            read.creations,
            read.submissions,
            kinds={
                kind: np.flatnonzero([name in members for name in read.exam_names])
                for kind, members in kinds.items()
            },
            pending_is_zero=self.pending == "zero",
            fill_value=self.fill_value,
            wanted=rows,
            out=out,
        ).T


def _describe_exams(
    X: pd.DataFrame, read: Mapping[str, str], kinds: Mapping[str, tuple[str, ...]]
) -> str:
    """Say which exams are of no kind, and which kinds have none; "" without any."""
    if "nombre_examen" not in read or not any(kinds.values()):
        return ""
    found = read_names(X[read["nombre_examen"]]).labels
    known = {name for names in kinds.values() for name in names}
    others = [name for name in found if name not in known]
    if not others:
        return ""
    empty = [kind for kind, names in kinds.items() if not {*names} & {*found}]
    more = ", ..." if len(others) > _MOST_NAMES else ""
    said = (
        f"No kind is known of {len(others)} of {len(found)} exams, which count only "
        f"among all: {others[:_MOST_NAMES]}{more}."
    )
    if empty:
        features = [f"{kind}_n_sum, nota_{kind}_*" for kind in empty]
        said += f" These features stay empty: {features}."
    return said + " Name the exams of each kind in exam_kinds=, such as 'english'."
