"""score: the students of a Spark DataFrame, scored by a stored model."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

import edml
from edml.classifier import Capacity
from edml.pipeline import split_per_history
from edml.schema import COURSE, PARTITION, SNAPSHOT_KEYS, STUDENT, columns_of
from edml.spark._model import pack, unpack
from edml.spark._students import check_frame, column, empty_frame, map_buckets
from edml.spark._worker import COMPUTED, TEXTS, score_bucket

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


def score(
    df: "DataFrame",
    model: Any,
    *,
    version: int | str = "production",
    at: float | None = None,
    since: float | None = None,
    capacity: int | Capacity | None = None,
    language: str = "en",
    n_reasons: int = 3,
    n_buckets: int | str = "auto",
) -> "DataFrame":
    """Score each student and course of a Spark DataFrame, with reasons and facts.

    The values are those of `edml.classifier.RiskClassifier.score_students` on one
    pandas DataFrame of all events, to the bit. They are computed when Spark needs them.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        The event table, as for `features`, with the columns that the model was fitted
        on.
    model : ModelRegistry, ExportedModel, RiskClassifier or DeployedClassifier
        The model, or the registry that holds it. The workers get the bytes of its file,
        and check them as `edml.registry.ModelRegistry.load` does, once in each process;
        they need no registry.
    version : int or {"production", "staging", "latest"}, default="production"
        Which version of a registry.
    at : float, default=None
        Score as of the end of this partition; None is each history's latest. A student
        without a row up to it is left out.
    since : float, default=None
        An earlier partition, from which the change is computed.
    capacity : int or Capacity, default=None
        Flag this many students of each course, those most at risk, instead of using the
        model's threshold; equal probabilities are ordered by the id.
    language : {"en", "es"}, default="en"
        Language of the reasons and facts.
    n_reasons : int, default=3
        Maximum number of reasons; 0 omits reasons and facts, and is faster.
    n_buckets : int or "auto", default="auto"
        Number of buckets of whole students, as for `features`.

    Returns
    -------
    students : pyspark.sql.DataFrame
        The columns of `edml.classifier.RiskClassifier.score_students`, one row for each
        student and course; ``reasons``, ``reason_features`` and ``facts`` are arrays of
        strings. The rows have no order: sort them by ``probability``.

    Raises
    ------
    RegistryError
        If the model cannot be loaded, or is not the one of its record.
    TableError
        If columns are missing, or ids are null or of another type. What a worker cannot
        read raises the same error there, which Spark reports when the scores are used.
    TypeError
        If ``df`` is not a Spark DataFrame, or ``model`` is of another kind.
    ValueError
        If the model does not begin with edml's features, or a parameter is out of
        range.

    Warns
    -----
    UserWarning
        If one student has over a million rows.

    See Also
    --------
    features : Compute features without a model.

    Notes
    -----
    Reasons of LightGBM, XGBoost and scikit-learn's trees are exact. Those of other
    classifiers are approximations that compare students with others of their bucket, so
    they depend on ``n_buckets``; probabilities never do.

    Examples
    --------
    >>> from edml.registry import ModelRegistry
    >>> from edml.spark import score
    >>> events = spark.read.parquet("events")  # doctest: +SKIP
    >>> risks = score(events, ModelRegistry("registry"), at=30)  # doctest: +SKIP
    >>> risks.orderBy("probability", ascending=False).show()  # doctest: +SKIP
    """
    check_frame(df)
    sent = pack(model, version)
    loaded = unpack(sent)  # raises here what would fail on every worker
    _check_steps(loaded)
    names = columns_of(loaded)
    options = {"at": at, "since": since, "language": language, "n_reasons": n_reasons}
    trial = _try_options(loaded, df, names, {**options, "capacity": capacity})
    for_people = {names["legajo"], names["course_name"]}
    keys = {names[key] for key in SNAPSHOT_KEYS}
    read = {*loaded.feature_names_in_, *for_people, *keys}
    scored = map_buckets(
        df,
        [name for name in df.columns if name in read],
        names[STUDENT],
        n_buckets,
        partial(
            score_bucket,
            model=sent,
            names=names,
            options=options,
            version=edml.__version__,
        ),
        _schema(df, names, trial),
    )
    if capacity is None:
        return scored
    most = capacity.per_course if isinstance(capacity, Capacity) else int(capacity)
    return _flag_most(scored, names, most)


def _check_steps(model: Any) -> None:
    """Raise for a model whose features may depend on who else is in the table."""
    front, _ = split_per_history(getattr(model, "pipeline_", None))
    if front is None:
        message = (
            "Expected a model that begins with edml's features, as make_risk_pipeline "
            "builds it. Others may compare students, and a bucket holds only some."
        )
        raise ValueError(message)


def _try_options(
    model: Any, df: "DataFrame", names: Mapping[str, str], options: Mapping[str, Any]
) -> pd.DataFrame:
    """Score one student without events: raises for options and columns that fail."""
    student = empty_frame(df).reindex(range(1))
    for key, value in ((STUDENT, "nobody"), (COURSE, "none"), (PARTITION, 0)):
        if names[key] in student.columns:
            student[names[key]] = value
    scored: pd.DataFrame = model.score_students(student, **options)
    return scored


def _schema(
    df: "DataFrame", names: Mapping[str, str], trial: pd.DataFrame
) -> "StructType":
    """Return the types of the scores, whose columns are those of a trial."""
    from pyspark.sql import types  # noqa: PLC0415 - optional

    given = df.schema
    computed = {
        names[PARTITION]: types.LongType(),
        **dict.fromkeys(COMPUTED, types.DoubleType()),
        "flagged": types.BooleanType(),
        **dict.fromkeys(TEXTS, types.ArrayType(types.StringType())),
    }
    return types.StructType(
        [
            types.StructField(name, computed.get(name) or given[name].dataType)
            for name in trial.columns
        ]
    )


def _flag_most(scored: "DataFrame", names: Mapping[str, str], most: int) -> "DataFrame":
    """Flag the students of each course who are most at risk."""
    from pyspark.sql import Window, functions  # noqa: PLC0415 - optional

    ranked = Window.partitionBy(column(names[COURSE])).orderBy(
        column("probability").desc(), column(names[STUDENT])
    )
    return scored.withColumn("flagged", functions.row_number().over(ranked) <= most)
