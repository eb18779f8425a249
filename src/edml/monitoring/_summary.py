"""Summarize a table as the reference of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml._sklearn import safe_indexing
from edml.explanation import own_importance
from edml.monitoring._cells import MIN_STUDENTS, make_cells
from edml.monitoring._chance import expect, fit_curve, sort_scores
from edml.monitoring._feed import describe_feed
from edml.monitoring._reference import Reference, Week
from edml.monitoring._weeks import (
    Weeks,
    days_of_week,
    one_per_student,
    read_weeks,
)
from edml.pipeline import split_per_history, strip_samplers
from edml.schema import (
    COURSE,
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    check_array_like,
    columns_of,
    fail_column,
    fail_label_of,
    is_event_table,
    read_target,
)

FEW = 5 * MIN_STUDENTS  # students of a course, for which it has histograms
MAX_COURSES = 30
MAX_CATEGORIES = 50


def make_reference(
    model: Any, X: Any, y: ArrayLike, *, fail_label: Any = None
) -> Reference:
    """Summarize rows that a model has not seen, to monitor it later.

    A `RiskClassifier` has a reference from its own fit, ``reference_``. For any other
    model, pass test rows here, and the result to `ModelRegistry.register`.

    Parameters
    ----------
    model : classifier
        Fitted, with two classes and ``predict_proba``.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        Rows of students that it was not trained on.
    y : array-like of shape (n_rows,)
        Their outcomes.
    fail_label : label, default=None
        The label that means failing. None is the model's own.

    Returns
    -------
    reference : Reference

    Raises
    ------
    ValueError
        If ``X`` or ``y`` cannot be read.

    Examples
    --------
    >>> from edml import load_activity
    >>> from edml.model_selection import student_train_test_split
    >>> from edml.monitoring import make_reference
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> split = student_train_test_split(X, y, random_state=0)
    >>> X_train, X_test, y_train, y_test = split
    >>> model = make_risk_pipeline().fit(X_train, y_train)
    >>> make_reference(model, X_test, y_test).n_students
    159
    """
    check_array_like(X)
    fails = read_target(y, fail_label_of(model, fail_label)).fails
    names = columns_of(model)
    rows = np.arange(len(fails))
    pipeline = getattr(model, "pipeline_", model)
    features = compute_features(pipeline, X)
    probability = predict_risk(model, X, features, rows, fail_label)
    return summarize(pipeline, X, names, rows, features, probability, fails)


def compute_features(pipeline: Any, X: Any) -> Any:
    """Return what the steps that describe each history make of a table."""
    front, _ = split_per_history(strip_samplers(pipeline))
    return X if front is None else front.transform(X)


def predict_risk(
    model: Any, X: Any, features: Any, rows: IntArray, fail_label: Any
) -> FloatArray:
    """Return the probability of some rows, from `compute_features` where possible."""
    if not len(rows):  # a classifier would reject an empty table
        return np.empty(0)
    pipeline = getattr(model, "pipeline_", model)
    _, rest = split_per_history(strip_samplers(pipeline))
    own = fail_label is None and hasattr(model, "calibrator_")
    if own and hasattr(rest, "predict_proba"):  # a RiskClassifier, as it predicts
        score = np.asarray(rest.predict_proba(safe_indexing(features, rows)))[:, 1]
        calibrator = model.calibrator_
        return score if calibrator is None else calibrator.predict(score)
    found = (
        rest.predict_proba(features) if pipeline is model else model.predict_proba(X)
    )
    return np.asarray(found, dtype=np.float64)[rows, fail_column(model, fail_label)]


def numbers_of(
    features: Any,
    names: Mapping[str, str],
    rows: IntArray,
    categories: Mapping[str, Sequence[str]],
) -> tuple[list[str], FloatArray]:
    """Return the numeric features of some rows, and codes of categories; no keys."""
    if not isinstance(features, pd.DataFrame):
        values = np.asarray(features)
        if values.ndim != 2:  # such as a sparse matrix
            return [], np.empty((len(rows), 0))
        features = pd.DataFrame(
            values, columns=[f"x{k}" for k in range(values.shape[1])]
        )
    kept = [
        place
        for place, (name, kind) in enumerate(features.dtypes.items())
        if getattr(kind, "kind", "O") in "fiub"
        and name not in (*_keys(names), *categories)
    ]
    values = features.iloc[rows, kept].to_numpy(dtype=np.float64, na_value=np.nan)
    found = [one for one in categories if one in features]
    codes = [_encode(features[one].iloc[rows], categories[one]) for one in found]
    columns = [str(features.columns[place]) for place in kept]
    return [*columns, *found], np.column_stack([values, *codes])


def _keys(names: Mapping[str, str]) -> tuple[str, ...]:
    return STUDENT, COURSE, names[STUDENT], names[COURSE]


def _encode(column: pd.Series, categories: Sequence[str]) -> FloatArray:
    """Return the place of each category; all others share the next one."""
    texts = column.astype(object).map(_as_text, na_action="ignore")
    places = pd.Index(categories).get_indexer(texts)
    codes = np.where(places < 0, len(categories), places).astype(np.float64)
    return np.where(texts.isna(), np.nan, codes)


def _as_text(value: Any) -> str:
    return str(value).strip()


def _find_categories(
    features: Any, names: Mapping[str, str], units: Weeks
) -> dict[str, tuple[str, ...]]:
    """Name the categories of text columns that enough students have, the most first."""
    if not isinstance(features, pd.DataFrame) or not features.columns.is_unique:
        return {}
    found = {}
    for name, kind in features.dtypes.items():
        if not isinstance(name, str) or name in _keys(names) or kind.kind not in "OUT":
            continue
        column = features[name].iloc[units.rows].astype(object)
        pairs = pd.DataFrame(
            {
                "category": column.map(_as_text, na_action="ignore").to_numpy(),
                "student": units.students,
            }
        )
        sizes = pairs.drop_duplicates()["category"].value_counts()
        enough = sizes[sizes >= MIN_STUDENTS].sort_index()
        ranked = enough.sort_values(ascending=False, kind="stable").index.tolist()
        if ranked:
            found[name] = tuple(ranked[:MAX_CATEGORIES])
    return found


def summarize(
    pipeline: Any,
    X: Any,
    names: Mapping[str, str],
    rows: IntArray,
    features: Any,
    probability: FloatArray,
    fails: BoolArray,
) -> Reference:
    """Make a reference from rows whose features and out-of-fold scores are known.

    ``rows`` are positions in ``X``, one for each snapshot; ``features`` has all rows.
    """
    step = days_of_week(pipeline)
    units = read_weeks(X, names, step, rows)
    place = np.empty(int(rows.max()) + 1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    at = place[units.rows]
    score, fails = probability[at], np.asarray(fails, dtype=np.bool_)[at]
    categories = _find_categories(features, names, units)
    columns, values = numbers_of(features, names, units.rows, categories)
    values = np.column_stack([values, score])
    weeks = []
    for week in np.unique(units.week):
        kept = units.week == week
        one = units.take(kept)
        if len(np.unique(one.students)) >= 2 * MIN_STUDENTS:
            day = None if week == 0 else int(week) * step - 1
            weeks.append(_summarize_week(day, one, values[kept], fails[kept]))
    events = is_event_table(X, names)
    return Reference(
        features=tuple(columns),
        weights=_read_weights(pipeline, columns),
        courses=_name_courses(units),
        weeks=tuple(weeks),
        feed=describe_feed(X, names, step) if events else {},
        step=step,
        n_students=len(np.unique(units.students)),
        shares=_share_failing(units, fails),
        categories=categories or None,
    )


def _summarize_week(
    day: int | None, units: Weeks, values: FloatArray, fails: BoolArray
) -> Week:
    score = values[:, -1]
    first = one_per_student(units)
    cells = {"": make_cells(values[first])}
    means = {"": float(score[first].mean())}
    sizes = np.bincount(units.courses, minlength=len(units.labels))
    for course in np.argsort(-sizes, kind="stable")[:MAX_COURSES]:
        if sizes[course] >= FEW:
            inside = units.courses == course
            cells[units.labels[course]] = make_cells(values[inside])
            means[units.labels[course]] = float(score[inside].mean())
    curve = fit_curve(score, fails, units.runs)
    figures: dict[str, float] = {}
    if curve is not None:
        ranked = sort_scores(score, 0.5)
        real = expect(ranked, fails.astype(np.float64))
        promised = expect(ranked, curve.apply(score))
        figures = {
            "roc_auc": float(real[0]),
            "average_precision": float(real[1]),
            "expected_roc_auc": float(promised[0]),
            "expected_average_precision": float(promised[1]),
        }
    n_students = len(np.unique(units.students))
    return Week(
        day,
        n_students,
        len(fails),
        cells,
        means,
        curve,
        _bin(score[first], fails[first]),
        figures,
    )


def _bin(score: FloatArray, fails: BoolArray) -> list[tuple[float, float, int]]:
    """Return the calibration curve: mean score, share failing and size of each bin."""
    cuts, counts = make_cells(score[:, None])[0]
    place = np.searchsorted(cuts, score, side="left")
    mean = np.bincount(place, score, len(counts)) / counts
    share = np.bincount(place, fails, len(counts)) / counts
    return list(zip(mean.tolist(), share.tolist(), counts.tolist(), strict=True))


def _name_courses(units: Weeks) -> tuple[str, ...]:
    pairs = pd.DataFrame({"course": units.courses, "student": units.students})
    sizes = pairs.drop_duplicates()["course"].value_counts()
    known = sorted(sizes.index[sizes >= MIN_STUDENTS])
    return tuple(units.labels[place] for place in known)


def _share_failing(units: Weeks, fails: BoolArray) -> dict[str, float]:
    """Return the share of students that fail, of all and by course."""
    table = pd.DataFrame(
        {"course": units.courses, "student": units.students, "fails": fails}
    ).drop_duplicates(["course", "student"])
    if len(table) < MIN_STUDENTS:
        return {}
    shares = {"": float(table["fails"].mean())}
    for course, rows in table.groupby("course"):
        if len(rows) >= FEW:
            shares[units.labels[int(course)]] = float(rows["fails"].mean())
    return shares


def _read_weights(pipeline: Any, columns: list[str]) -> FloatArray:
    """Return how much the classifier uses each feature; alike where it does not say."""
    weights = np.zeros(len(columns))
    place = {name: number for number, name in enumerate(columns)}
    uses = own_importance(pipeline, coefficients=True)
    for name, use in () if uses is None else uses.items():
        number = _find_origin(str(name), place)
        if number is not None:
            weights[number] += use
    total = weights.sum()
    return (
        weights / total
        if total > 0
        else np.full(len(columns), 1 / max(1, len(columns)))
    )


def _find_origin(name: str, place: Mapping[str, int]) -> int | None:
    """Return the column that a learner's column was made of, by scikit-learn's names.

    A ColumnTransformer writes ``step__column``, and an encoder ``column_category``.
    """
    for given in (name, name.partition("__")[2]):
        parts = given.split("_")
        for end in range(len(parts), 0, -1):
            if (shorter := "_".join(parts[:end])) in place:
                return place[shorter]
    return None
