"""Evaluation: the quality of a model, with the uncertainty of each figure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, Self

import pandas as pd

from edml._page import Picture
from edml.inspection._evaluation_figures import draw_pictures
from edml.inspection._evaluation_format import (
    EvaluationFields,
    read_fields,
    write_fields,
)
from edml.inspection._evaluation_html import make_fragment, write_page
from edml.inspection._headline import measure_found, write_headline
from edml.inspection._measures import measure
from edml.inspection._options import Options
from edml.inspection._paired import compare
from edml.inspection._units import EvaluationUnits


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Evaluation(EvaluationFields):
    """The quality of a model, with the uncertainty of each figure.

    `evaluate` returns it. The unit is the snapshot (a student, a course and a
    partition), or the row on plain tables. It holds counts, figures and the labels of
    courses and groups, but no student ids.

    Each breakdown is a table with one row per part: its label, n_snapshots, n_students,
    n_failing (students with a failing snapshot in it), the metrics, roc_auc_low and
    roc_auc_high, and ``enough``. ``enough`` is False where there are too few students;
    the metrics are then NaN.

    Parameters
    ----------
    metrics : dict of str to float
        The headline figures: roc_auc, average_precision, brier, log_loss,
        calibration_error, f1, precision, recall and accuracy. NaN where undefined.
    intervals : dict of str to (float, float)
        The ends of their bootstrap intervals; students are resampled.
    confidence : float
        Of all intervals, a fraction.
    threshold : float
        The probability at and above which a snapshot is flagged.
    counts : dict of str to int
        n_snapshots, n_histories (0 on plain tables), n_students,
        n_failing_students and n_failing_snapshots.
    confusion : ndarray of shape (2, 2)
        Snapshots by truth (rows: passes, fails) and by flag (columns: no, yes).
    curves : dict of str to DataFrame
        "roc" (fpr, tpr, threshold) and "precision_recall" (precision, recall,
        threshold), with at most 1,000 points, or none where a class is absent;
        "calibration" (mean_predicted, share_positive, n, low, high); "thresholds"
        (threshold, precision, recall, f1, flagged_per_course: mean number of students
        of a course who are flagged on a day, NaN on plain tables).
    by_partition : DataFrame
        The breakdown by course day, ``particion``; no row on plain tables.
    by_course : DataFrame
        The breakdown by ``course_uuid``, with the ``course_name`` if the table has it;
        no row on plain tables.
    by_group : dict of str to DataFrame
        For each column of ``by``, the breakdown by its values, ``group``.
    precision_at_k : DataFrame
        The share of failing among the k students of a course most at risk, by k.
    lead_time : dict of str to float
        n_failing (failing histories), share_alerted (the share of them that is
        flagged), and the median, lower_quartile and upper_quartile of the partitions
        between the first flag and the end of the history; empty on plain tables.
    flip_rate : float
        Share of consecutive snapshots of a history between which the flag changes.
    data_fingerprint : str
        SHA-256 of the rows and their labels, whatever their order.
    contacts : DataFrame
        Whom a course team would contact at the end of each week, and whom it would
        find: ``particion``; ``per_course``, how many students of a course are
        contacted, those most at risk, or NaN for those at and above the threshold;
        n_students (once per course, with a row by then), n_failing of them,
        n_contacted and n_found (of these, who fail) in that week, and
        n_contacted_so_far and n_found_so_far (at least once). No row on plain tables.
    draws : DataFrame of shape (n_resamples, 9)
        The metrics of each resample of students, rounded to 5 digits.
    resamples : str
        SHA-256 of the resampled students, by which two evaluations are paired; "" if
        they cannot be.

    See Also
    --------
    evaluate : Evaluate a model.

    Examples
    --------
    >>> import json
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.inspection import Evaluation, evaluate
    >>> X, y = make_classification(200, random_state=0)
    >>> model = LogisticRegression().fit(X[:100], y[:100])
    >>> evaluation = evaluate(model, X[100:], y[100:])
    >>> evaluation.counts["n_snapshots"], evaluation.confusion.sum().item()
    (100, 100)
    >>> stored = json.dumps(evaluation.to_dict(), allow_nan=False)
    >>> Evaluation.from_dict(json.loads(stored)) == evaluation
    True
    """

    __module__ = "edml.inspection"  # the path in stored evaluations

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as a dictionary that JSON can hold, without loss.

        Returns
        -------
        data : dict
            The fields, and "format", the number of the format. A table is the list of
            its columns, each with name, dtype and values; NaN is None, infinity is
            "Infinity"; every other float is kept as is.
        """
        return write_fields(self)

    @classmethod
    def from_units(
        cls, units: EvaluationUnits, *, threshold: float = 0.5, **options: Any
    ) -> Self:
        """Evaluate existing predictions.

        Parameters
        ----------
        units : EvaluationUnits
            From `EvaluationUnits.from_estimator`.
        threshold : float, default=0.5
            The probability at and above which a unit is flagged.
        **options : dict
            The options ``by``, ``k``, ``min_count``, ``confidence``, ``n_resamples``
            and ``random_state`` of `evaluate`.

        Returns
        -------
        evaluation : Evaluation
            The same figures as `evaluate` returns for the model.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from sklearn.linear_model import LogisticRegression
        >>> from edml.inspection import Evaluation, EvaluationUnits
        >>> X, y = make_classification(200, random_state=0)
        >>> units = EvaluationUnits.from_estimator(LogisticRegression().fit(X, y), X, y)
        >>> strict = Evaluation.from_units(units, threshold=0.8, n_resamples=0)
        >>> lenient = Evaluation.from_units(units, threshold=0.2, n_resamples=0)
        >>> strict.metrics["recall"] < lenient.metrics["recall"]
        True
        """
        return cls(**measure(units, Options(threshold=threshold, **options)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read an evaluation that `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            What `to_dict` returned, possibly after a round trip through JSON.

        Returns
        -------
        evaluation : Evaluation
            An equal evaluation.

        Raises
        ------
        ValueError
            If the format is unknown, or a part is absent, unknown or unreadable.
        """
        return cls(**read_fields(data))

    def compare(self, other: "Evaluation", *, confidence: float = 0.95) -> pd.DataFrame:
        """Compare with another model's evaluation on the same students.

        The same resamples of students give the figures of both, so the intervals are
        those of the differences. Most of the chance in who is a test student cancels.

        Parameters
        ----------
        other : Evaluation
            Of another model, on the same rows and with the same integer
            ``random_state`` and ``n_resamples``.
        confidence : float, default=0.95
            Of each interval, a fraction in (0, 1).

        Returns
        -------
        table : DataFrame of shape (9, 6)
            A row for each metric: value (of this evaluation), other, difference, low
            and high (the interval of the difference) and verdict: "better" or "worse"
            where the interval excludes 0, else "cannot be told apart".

        Raises
        ------
        ValueError
            If the evaluations are not of the same rows and resamples, or one was stored
            by an earlier edml.
        """
        return compare(self, other, confidence)

    def headline(self, language: str = "en") -> str:
        """Return the result in a few sentences, without names of metrics.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        text : str
            How many of those who fail a course team would find that contacts about a
            tenth of the students in a middle week, how well the model ranks, and by how
            much its probabilities are off.

        Raises
        ------
        ValueError
            If the language is unknown.
        """
        return write_headline(self, language)

    def find_share(self, particion: int, per_course: float) -> tuple[float, ...]:
        """Return the share of those who fail that a list finds.

        Parameters
        ----------
        particion : int
            A day of ``contacts``.
        per_course : float
            A capacity of ``contacts``; NaN for the model's threshold.

        Returns
        -------
        share, low, high, by_lot : float
            The share, a fraction; the ends of its Wilson interval; and the share that
            as many students drawn by lot would hold. NaN if nobody fails.

        Raises
        ------
        KeyError
            If ``contacts`` does not hold this day or capacity.
        """
        table = self.contacts
        same = table["per_course"].eq(per_course)
        if math.isnan(per_course):
            same = table["per_course"].isna()
        rows = table[same & table["particion"].eq(particion)]
        if not len(rows):
            message = f"contacts hold no day {particion} with {per_course} per course."
            raise KeyError(message)
        return measure_found(rows.iloc[0], self.confidence)

    def to_html(
        self,
        path: str | PathLike[str] | None = None,
        *,
        language: str = "en",
        importance: Mapping[str, float] | None = None,
    ) -> str | None:
        """Write a self-contained HTML page, including the pictures.

        The page loads no external resources, its tables can be sorted, and it has a
        layout for printing. The file is written atomically.

        Parameters
        ----------
        path : str or path-like, default=None
            The file, replaced where it exists; its folder must exist. None returns one
            HTML element without the pictures, to be embedded in a page.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.
        importance : mapping of str to float, default=None
            The weight of each feature in the model, such as
            ``explain(model, X).importance()`` or `edml.explanation.own_importance`.

        Returns
        -------
        html : str or None
            The element if there is no ``path``.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        if path is None:
            return make_fragment(self, language, importance)
        write_page(self, path, language, importance)
        return None

    def draw_pictures(self, *, prefix: str = "", language: str = "en") -> list[Picture]:
        """Draw the curves as SVG elements that can be embedded in a page.

        Parameters
        ----------
        prefix : str, default=""
            How the ids in the SVG begin; it must differ between the evaluations on one
            page.
        language : {"en", "es"}, default="en"
            The reader's language.

        Returns
        -------
        pictures : list of named tuple
            Each with ``title``, ``text`` (how to read it) and ``svg``. The earliness is
            drawn only if there are course days.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        return draw_pictures(self, prefix, language)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Evaluation):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # its tables are mutable

    def __repr__(self) -> str:
        low, high = self.intervals["roc_auc"]
        return (
            f"Evaluation(n_snapshots={self.counts['n_snapshots']}, "
            f"n_students={self.counts['n_students']}, "
            f"roc_auc={self.metrics['roc_auc']:.3f} [{low:.3f}, {high:.3f}])"
        )

    def _repr_html_(self) -> str:
        return make_fragment(self)
