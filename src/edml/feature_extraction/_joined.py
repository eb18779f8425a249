"""HistoryFeatures: all features of a history side by side."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from edml._messages import coded
from edml._sklearn import StrOptions
from edml.exceptions import TableError
from edml.feature_extraction._activity import ActivityFeatures
from edml.feature_extraction._context import RELATIVE_FIGURES, comparable
from edml.feature_extraction._engineer import FeatureEngineer
from edml.feature_extraction._events import Events
from edml.feature_extraction._progress import ProgressFeatures
from edml.feature_extraction._static import StaticColumns
from edml.feature_extraction._transformer import HistoryTransformer
from edml.schema import (
    COLUMNS,
    CONTEXT_PREFIX,
    PARTITION,
    FloatArray,
    IntArray,
    combine_codes,
    first_rows,
    read_numbers,
    resolve_columns,
)

#: What the sets of features hold, each what the one before does and more.
FEATURE_SETS = ("classic", "progress", "full")


class HistoryFeatures(HistoryTransformer):
    """Compute several groups of features of each row, side by side.

    Parameters
    ----------
    features : {"classic", "progress", "full"}, default="progress"
        "classic" are the 44 of `FeatureEngineer`; "progress" adds `ProgressFeatures`,
        and "full" also `ActivityFeatures`, which needs columns ``activity_...``.
    static : StaticColumns, default=None
        Columns to use as they are; they get the ``columns`` and ``fill_value`` below.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones.
    exam_kinds : {"original", "english"} or mapping of str to list of str, default=None
        The exam names of each kind; see `FeatureEngineer`.
    pending : {"missing", "zero"}, default="missing"
        Whether an ungraded submission has no score or scores 0 in the 44.
    partition_days : float, default=1.0
        Length of a partition in days, > 0.
    fill_value : float, default=0.0
        Value of what is unknown; None keeps NaN.

    Attributes
    ----------
    parts_ : list of transformers
        The fitted parts, in the order of their features.
    relative_ : list of str
        The features that are compared with the mean of the course: those of "progress"
        and "full" for which the table had a column ``context_<figure>``. Their
        differences follow, as ``relative_<figure>``; where ``<figure>`` counts actions,
        the difference of the logarithms of 1 + count.
    n_features_in_ : int
        Number of columns of the table seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    add_course_context : Add the means of each course.
    edml.pipeline.make_risk_pipeline : Uses it with ``features=`` and ``static=``.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.feature_extraction import HistoryFeatures
    >>> X = make_student_activity(20, random_state=0)
    >>> features = HistoryFeatures("progress").fit_transform(X)
    >>> [name for name in features if name in ("score_mean", "missed_streak")]
    ['score_mean', 'missed_streak']
    """

    __module__ = "edml.feature_extraction"
    #: Proven by `edml.testing` of each part.
    _per_history: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FeatureEngineer._parameter_constraints,
        "features": [StrOptions({*FEATURE_SETS})],
        "static": [StaticColumns, None],
    }

    def __init__(
        self,
        features: str = "progress",
        static: StaticColumns | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        exam_kinds: str | Mapping[str, Iterable[str]] | None = None,
        pending: str = "missing",
        partition_days: float = 1.0,
        fill_value: float | None = 0.0,
    ) -> None:
        super().__init__(columns, partition_days, fill_value)
        self.features = features
        self.static = static
        self.exam_kinds = exam_kinds
        self.pending = pending

    def _fit(self, X: pd.DataFrame) -> None:
        self.parts_ = [part.fit(X) for part in self._make_parts()]
        figures = RELATIVE_FIGURES[self.features]
        self.relative_ = [name for name in figures if CONTEXT_PREFIX + name in X]

    def _make_parts(self) -> list[Any]:
        common: dict[str, Any] = {
            "columns": self.columns,
            "fill_value": self.fill_value,
        }
        days: dict[str, Any] = {"partition_days": self.partition_days}
        made: list[Any] = [
            FeatureEngineer(
                exam_kinds=self.exam_kinds, pending=self.pending, **common, **days
            )
        ]
        if self.features != "classic":
            made.append(ProgressFeatures(**common, **days))
        if self.features == "full":
            made.append(ActivityFeatures(**common, **days))
        if self.static is not None:
            made.append(clone(self.static).set_params(**common))
        return made

    @property
    def extra_columns(self) -> list[str]:
        """The columns that it reads besides exams, assignments and submissions."""
        own = {*resolve_columns(self.columns).values(), *COLUMNS}
        found: list[str] = []
        for part in self.parts_:
            if isinstance(part, ActivityFeatures):
                found += part.activity_columns_
            if isinstance(part, StaticColumns):
                found += [*part.numeric, *part.categorical]
        found += self._context
        return [name for name in found if name not in own]

    def unfilled(self) -> Self:
        """Return a copy that leaves what is unknown NaN, to show it.

        Returns
        -------
        transformer : HistoryFeatures
            Fitted like this one.
        """
        other = super().unfilled()
        other.parts_ = [part.unfilled() for part in self.parts_]
        return other

    @property
    def _context(self) -> list[str]:
        # models that were stored before have none
        return [CONTEXT_PREFIX + name for name in getattr(self, "relative_", ())]

    def _own_names(self) -> list[str]:
        names = [name for part in self.parts_ for name in part._names()]
        return list(dict.fromkeys(names))  # the partition is the first of several parts

    def _names(self) -> list[str]:
        relative = [f"relative_{name}" for name in getattr(self, "relative_", ())]
        return self._own_names() + relative

    def _read(self, X: pd.DataFrame) -> Events:
        # the last part that reads events reads the most of them
        reader = self.parts_[0 if self.features == "classic" else 1]
        events: Events = reader._read(X)
        return events

    def _describe(
        self, read: Events, rows: IntArray | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        n_rows = len(read.history) if rows is None else len(rows)
        own = self._own_names()
        end, context = len(own), self._context
        described = np.empty((end + len(context), n_rows)) if out is None else out
        parts = [part.unfilled() for part in self.parts_] if context else self.parts_
        # From the last part to the first, each writes into its place: where a part's
        # partition repeats that of the first, the part before it overwrites it.
        for part in reversed(parts):
            names = part._names()
            begin = end - len(names)
            part._describe(read, rows, described[begin:end])
            end = begin + (begin > 0 and names[0] == PARTITION)
        if context:
            self._compare(read, rows, described, own)
        return described.T

    def _compare(
        self,
        read: Events,
        rows: IntArray | None,
        described: FloatArray,
        own: list[str],
    ) -> None:
        """Subtract the course's mean from each student's figure."""
        absent = [name for name in self._context if name not in read.X.columns]
        if absent:
            message = coded(
                "missing_context",
                f"The event table lacks {absent}, the means of the course by which the "
                "model compares students. Add them with edml.add_course_context.",
                columns=absent,
            )
            raise TableError(message)
        some = slice(None) if rows is None else rows
        day, _ = pd.factorize(read.partition)
        first, snapshot = first_rows(combine_codes(read.history, day))
        for place, figure in enumerate(self.relative_, len(own)):
            column = read.X[CONTEXT_PREFIX + figure]
            mean = read_numbers(column)
            if not np.array_equal(mean, mean[first][snapshot], equal_nan=True):
                message = coded(
                    "varying_context",
                    f"Column {column.name!r} differs between rows of one student, "
                    "course and partition. Drop the columns context_..., and add them "
                    "again with edml.add_course_context.",
                    column=column.name,
                )
                raise TableError(message, column=str(column.name))
            figures = comparable(figure, described[own.index(figure)])
            described[place] = figures - mean[some]
        if self.fill_value is not None:
            described[np.isnan(described)] = self.fill_value
