"""features: the features of every snapshot of a Spark DataFrame."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import edml
from edml.feature_extraction import (
    ActivityFeatures,
    FeatureEngineer,
    HistoryFeatures,
    ProgressFeatures,
)
from edml.schema import (
    COURSE,
    PARTITION,
    REQUIRED_COLUMNS,
    SNAPSHOT_KEYS,
    STUDENT,
    resolve_columns,
)
from edml.spark._students import check_frame, column, empty_frame, map_buckets
from edml.spark._worker import describe_bucket

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Transformer = FeatureEngineer | HistoryFeatures | ProgressFeatures | ActivityFeatures
_MOST_EXAMS = 10_000  # names that are fetched for the warning


def features(
    df: "DataFrame",
    transformer: Transformer | None = None,
    *,
    n_buckets: int | str = "auto",
) -> "DataFrame":
    """Compute the features of each student, course and day of a Spark DataFrame.

    The values are those of the transformer on one pandas DataFrame of all events, to
    the bit. They are computed when Spark needs them.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        The event table, complete for each of its students; of Spark or Spark Connect.
        Ids are text or whole numbers, and dates are timestamps or epoch seconds.
    transformer : FeatureEngineer, HistoryFeatures, ProgressFeatures or \
ActivityFeatures, default=None
        Which features, and the names of the columns (``columns=``). None is
        ``FeatureEngineer()``. One with static columns must be fitted, on a sample of
        students; for others, the columns of ``df`` count.
    n_buckets : int or "auto", default="auto"
        Number of buckets of whole students, >= 1. A Python worker holds one bucket in
        memory. "auto" counts the rows in a separate job, for at most 250,000 in a
        bucket, and reports ids without a value and students of very many rows.

    Returns
    -------
    features : pyspark.sql.DataFrame
        One row for each snapshot, a student in a course on a day that has a row: the
        three keys, by the names and with the types (the day as a double) that they have
        in ``df``, and each feature as a double. The rows have no order.

    Raises
    ------
    TableError
        If columns are missing, or ids are null or of another type. What a worker cannot
        read raises the same error there, which Spark reports when the features are
        used.
    TypeError
        If ``df`` is not a Spark DataFrame.
    ValueError
        If ``df`` is a stream, the transformer is of another kind or not fitted although
        it has static columns, or ``n_buckets`` is out of range.

    Warns
    -----
    UserWarning
        If columns or exam names leave features empty, as
        `edml.feature_extraction.FeatureEngineer` warns, or one student has over a
        million rows.

    See Also
    --------
    score : Score students with a stored model.

    Examples
    --------
    >>> from edml.spark import features
    >>> features([1, 2])  # doctest: +SKIP
    Traceback (most recent call last):
        ...
    TypeError: Expected a Spark DataFrame; found list. Read the events with \
spark.read, or pass spark.createDataFrame(df).
    """
    check_frame(df)
    fitted = _fit(transformer, df)
    names = resolve_columns(fitted.columns)
    made = [*fitted.transform(empty_frame(df)).columns[2:]]  # raises if columns lack
    keys = {names[key] for key in SNAPSHOT_KEYS}
    if clash := sorted(keys & ({*made} - {PARTITION})):
        message = f"columns maps keys to {clash}, which are features. Rename the keys."
        raise ValueError(message)
    return map_buckets(
        df,
        _columns_read(fitted, df.columns),
        names[STUDENT],
        n_buckets,
        partial(
            describe_bucket, transformer=fitted, names=names, version=edml.__version__
        ),
        _schema(df, names, made),
    )


def _fit(transformer: Any, df: "DataFrame") -> Any:
    if transformer is None:
        transformer = FeatureEngineer()
    if not isinstance(transformer, Transformer):
        message = (
            "transformer must be FeatureEngineer, HistoryFeatures, ProgressFeatures or "
            f"ActivityFeatures; found {type(transformer).__name__}."
        )
        raise ValueError(message)
    try:
        check_is_fitted(transformer)
    except NotFittedError:
        if getattr(transformer, "static", None) is not None:
            message = (
                "The transformer has static columns, whose categories it learns in "
                "fit. Fit it on the pandas DataFrame of a sample of students."
            )
            raise ValueError(message) from None
        return clone(transformer).fit(_exams(df, transformer))
    return transformer


def _exams(df: "DataFrame", transformer: Any) -> pd.DataFrame:
    """Return a table of the distinct exam names, by which `fit` warns."""
    table = empty_frame(df)
    name = resolve_columns(transformer.columns)["nombre_examen"]
    if hasattr(transformer, "exam_kinds") and name in table.columns:
        exams = df.select(column(name).alias("exam")).dropna().distinct()
        found = [row["exam"] for row in exams.limit(_MOST_EXAMS).collect()]
        table = table.reindex(range(len(found)))
        table[name] = found
    return table


def _columns_read(fitted: Any, have: Iterable[str]) -> list[str]:
    names = resolve_columns(fitted.columns)
    read = {names[name] for name in (*REQUIRED_COLUMNS, "ass_weight")}
    read |= {*getattr(fitted, "activity_columns_", ())}
    read |= {*getattr(fitted, "extra_columns", ())}
    return [name for name in have if name in read]


def _schema(df: "DataFrame", names: dict[str, str], made: list[str]) -> Any:
    from pyspark.sql import types  # noqa: PLC0415 - optional

    given = df.schema
    fields = [
        types.StructField(names[key], given[names[key]].dataType)
        for key in (STUDENT, COURSE)
    ]
    named = [names[PARTITION] if name == PARTITION else name for name in made]
    fields += [types.StructField(name, types.DoubleType()) for name in named]
    return types.StructType(fields)
