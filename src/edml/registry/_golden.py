"""Golden answers: what a model says about made-up students when it is stored.

A record keeps these probabilities to the bit, and every load compares them. A model
that answers otherwise is wrong, whether its file was damaged, a library changed, or the
processor computes differently. The table is made by a numbered recipe that never
changes. A record names its recipe and stays small; `make_student_activity` may change.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edml.classifier import DeployedClassifier
from edml.exceptions import RegistryError
from edml.feature_extraction import FeatureEngineer
from edml.pipeline import split_per_history
from edml.preprocessing import DataCleaner
from edml.registry._errors import registry_error
from edml.registry._record import DEFAULT_THRESHOLD, ModelRecord, plain
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    PARTITION,
    PERIOD,
    SNAPSHOT_KEYS,
    STUDENT,
    columns_of,
    is_event_table,
    resolve_exam_kinds,
    step_parameter,
)

RECIPE = 1
#: The largest difference of a probability that another processor or library explains.
TOLERANCE = 1e-5

_N_ROWS = 96
_N_STUDENTS = 24
_MOST_CELLS = 100_000  # of a plain table
_SCALES = (0.1, 1.0, 10.0, 100.0)
_START = 1_700_000_000  # day 0 of every course, in epoch seconds
_DAY = 86_400


def answers_of(model: Any) -> dict[str, Any] | None:
    """Return the answers of a model for its record; None if it cannot read the table.

    A model with steps of the user's own may need columns of a kind that is not known.
    """
    for name in _FILLED:
        try:
            probabilities = _ask(model, name)
        except Exception:  # noqa: S112 - any error of the user's own steps
            continue
        return {
            "recipe": RECIPE,
            "other_columns": name,
            "labels": _labels(model),
            "probabilities": [p if np.isfinite(p) else None for p in probabilities],
        }
    return None


def check_answers(model: Any, record: ModelRecord) -> None:
    """Raise unless a loaded model answers as its record says; warn of tiny differences.

    Records that earlier versions of edml wrote have no answers; their threshold counts.
    """
    threshold = float(getattr(model, "threshold_", DEFAULT_THRESHOLD))
    if threshold != record.threshold:
        raise _wrong(f"the threshold {threshold!r}", f"{record.threshold!r}")
    answers = record.answers
    if answers is None:
        return
    try:
        other_columns, expected = _read(answers)
        found = np.array(_ask(model, other_columns))
    except RegistryError:
        raise
    except Exception as error:
        raise _wrong(f"{type(error).__name__} instead of answers", "answers") from error
    if _labels(model) != answers.get("labels"):
        raise _wrong("other labels", "those of its record")
    if found.shape != expected.shape:
        raise _wrong(f"{len(found)} answers", str(len(expected)))
    if np.array_equal(found, expected, equal_nan=True):
        return
    difference = float(np.max(np.abs(found - expected)))
    if not difference <= TOLERANCE:  # also for NaN
        raise _wrong(f"answers that differ by up to {difference:.2g}", "those it gave")
    warnings.warn(
        f"The model answers for made-up students up to {difference:.1g} away from what "
        "it answered when it was stored: the libraries or the processor round "
        "differently. No flag depends on that, unless a probability equals the "
        "threshold.",
        UserWarning,
        stacklevel=2,
    )


def _ask(model: Any, other_columns: str) -> list[float]:
    """Return a model's probabilities: of failing, or of every class but the first."""
    table = _make_probe(model, other_columns)
    events = is_event_table(table, columns_of(model))
    if not (events and hasattr(model, "score_latest")):
        found = np.asarray(model.predict_proba(table))[:, 1:].ravel()
    elif (front := _front_of(model, other_columns, table)) is None:
        found = model.score_latest(table)[1]
    else:
        _, rest = split_per_history(model.pipeline_)
        last_steps = DeployedClassifier(rest, model.calibrator_)
        found = last_steps.fail_probability(_describe(front).copy())
    return [float(one) for one in found]


@dataclass(frozen=True)
class _Front:
    """Edml's own first steps; equal settings describe the same students equally."""

    settings: str
    steps: list[Any] = field(compare=False)
    table: pd.DataFrame = field(compare=False)


def _front_of(model: Any, other_columns: str, table: pd.DataFrame) -> _Front | None:
    """Return the cleaner and the features of a model that has no other such steps."""
    front, _ = split_per_history(model.pipeline_)
    steps = [] if front is None else [step for _, step in front.steps]
    if [*map(type, steps)] != [DataCleaner, FeatureEngineer]:
        return None
    if steps[0].columns != steps[1].columns:
        return None
    states = [other_columns, *table, *map(vars, steps)]
    settings = json.dumps(states, default=lambda array: array.tolist())
    return _Front(settings, steps, table)


@lru_cache(maxsize=8)  # most of the time that answers take
def _describe(front: _Front) -> pd.DataFrame:
    """Return the features of each student's latest row, as `score_latest` does."""
    engineer = front.steps[-1]
    rows, features = engineer.transform_latest(front.table)
    names = engineer.get_feature_names_out()
    described = pd.DataFrame(features, columns=names[2:], copy=False)
    for place, key in enumerate((STUDENT, COURSE)):
        name = columns_of(engineer)[key]
        described.insert(place, key, front.table[name].iloc[rows].array)
    return described


def _labels(model: Any) -> Any:
    """Return the classes in their order, and which of them means failing."""
    classes = np.asarray(model.classes_).tolist()
    return plain([*classes, getattr(model, "fail_label_", None)])


def _read(answers: Mapping[str, Any]) -> tuple[str, NDArray[Any]]:
    recipe = answers.get("recipe")
    if recipe != RECIPE:
        raise RegistryError(
            f"Expected answers for the made-up students of recipe {RECIPE}; found "
            f"recipe {str(recipe)[:20]}. Install the edml that stored the model."
        )
    expected = np.array(answers["probabilities"], dtype=np.float64)
    other_columns = answers["other_columns"]
    if other_columns not in _FILLED:
        raise KeyError(other_columns)
    return other_columns, expected


def _wrong(found: str, expected: str) -> RegistryError:
    return registry_error(
        "other_answers",
        f"Expected a model that answers as it did when it was stored, with {expected}; "
        f"found {found}. Its file or record was changed, or this machine's libraries "
        "compute differently: compare the versions in record.libraries, install them, "
        "or fit the model again.",
    )


def make_probe(model: Any) -> Any:
    """Make up students in the columns that a model was fitted on.

    The table never changes with edml's versions, because the answers that a registry
    keeps are about these students. Use it to try a model before real students.

    Parameters
    ----------
    model : classifier
        A fitted model of an event table or of a plain one.

    Returns
    -------
    probe : DataFrame of shape (96, n_columns) or ndarray of shape (n_rows, n_features)
        The events of 24 students in two courses, in the model's own column and exam
        names; a column that no event table has holds a number for each student. For a
        model of a plain table, 4 to 96 rows of numbers.

    See Also
    --------
    ModelRecord : Keeps the model's answers for these students.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.registry import make_probe
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> make_probe(model).shape
    (96, 1)
    """
    return _make_probe(model, "numbers by student")


def _make_probe(model: Any, other_columns: str) -> Any:
    """Return the table of recipe 1; `_FILLED` fills columns that no event table has."""
    names = columns_of(model)
    seen = [*getattr(model, "feature_names_in_", ())]
    if not seen:
        return _make_matrix(int(model.n_features_in_))
    if not {names[key] for key in SNAPSHOT_KEYS} <= {*seen}:
        return pd.DataFrame(_make_matrix(len(seen)), columns=seen)
    kinds = resolve_exam_kinds(step_parameter(model, "exam_kinds", None))
    exams = tuple(found[0] for found in kinds.values() if found)
    seen = [name for name in seen if name != names[FINAL_GRADE]]  # not known in use
    return _make_table(tuple(seen), tuple(names.items()), exams, other_columns).copy()


@lru_cache(maxsize=8)
def _make_table(
    seen: tuple[str, ...],
    names: tuple[tuple[str, str], ...],
    exams: tuple[str, ...],
    other_columns: str,
) -> pd.DataFrame:
    events = _make_events(exams)
    cells = {dict(names).get(role, role): made for role, made in events.items()}
    others = [name for name in seen if name not in cells]
    fill = _FILLED[other_columns]
    cells |= {name: fill(number) for number, name in enumerate(others)}
    return pd.DataFrame({name: cells[name] for name in seen})


def _make_matrix(n_features: int) -> NDArray[Any]:
    """Return rows of numbers around 0, on several scales."""
    random = np.random.RandomState(RECIPE)  # its stream never changes; see NEP 19
    n_rows = max(4, min(_N_ROWS, _MOST_CELLS // n_features))
    scales = np.resize(_SCALES, n_rows)[:, np.newaxis]
    rows: NDArray[Any] = scales * (2 * random.random_sample((n_rows, n_features)) - 1)
    return rows


def _make_events(exams: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return the columns of an event table, by canonical name."""
    random = np.random.RandomState(RECIPE)

    def some(values: NDArray[Any], share: float) -> NDArray[Any]:
        """Keep a share of values, and make the others missing."""
        missing: Any = None if values.dtype == object else np.nan
        return np.where(random.random_sample(_N_ROWS) < share, values, missing)

    def whole(low: int, high: int) -> NDArray[Any]:
        return random.randint(low, high, _N_ROWS).astype(np.float64)

    student = np.repeat(np.arange(_N_STUDENTS), _N_ROWS // _N_STUDENTS)
    day = whole(0, 9) + 8 * np.tile(np.arange(_N_ROWS // _N_STUDENTS), _N_STUDENTS)
    work = _named("work ", random.randint(0, 9, _N_ROWS))
    handed_in = _named("work ", random.randint(0, 9, _N_ROWS))
    unlocked = _START + _DAY * (day - whole(0, 5))
    submitted = _START + _DAY * day + whole(0, _DAY)
    exam = np.array([*exams, "another exam"], dtype=object)
    return {
        STUDENT: _named("student ", student),
        COURSE: _named("course ", student % 2),
        "course_name": _named("course ", student % 2),
        "legajo": _named("number ", student),
        PERIOD: np.full(_N_ROWS, "01-2023", dtype=object),
        PARTITION: day,
        "nombre_examen": some(exam[random.randint(0, len(exam), _N_ROWS)], 0.4),
        "nota_parcial": some(whole(0, 21) / 2, 0.9),
        "fecha_mesa_epoch": _START + _DAY * day,
        "assignment_id": work,
        "ass_name": some(work, 0.6),
        "points_possible": np.full(_N_ROWS, 100.0),
        "ass_weight": some(whole(0, 30), 0.8),
        "ass_created_at": unlocked,
        "ass_due_at": some(unlocked + 3600 * whole(0, 400), 0.9),
        "ass_unlock_at": some(unlocked, 0.9),
        "ass_lock_at": some(unlocked + 3600 * whole(400, 500), 0.9),
        "ass_name_sub": some(handed_in, 0.6),
        "sub_uuid": _named("submission ", np.arange(_N_ROWS)),
        "score": some(whole(0, 101), 0.8),
        "submission_type": np.full(_N_ROWS, "online_upload", dtype=object),
        "s_submitted_at": some(submitted, 0.9),
        "s_graded_at": some(submitted + 3600 * whole(0, 100), 0.8),
        "s_created_at": submitted,
    }


def _named(prefix: str, numbers: NDArray[Any]) -> NDArray[Any]:
    return np.array([f"{prefix}{number}" for number in numbers], dtype=object)


def _counts(number: int) -> NDArray[Any]:
    """Return small whole numbers for a column, such as clicks."""
    random = np.random.RandomState(RECIPE + 1 + number)
    return random.randint(0, 30, _N_ROWS).astype(np.float64)


def _words(number: int) -> NDArray[Any]:
    """Return text for a column, as it may be a category."""
    return _named("kind ", (np.arange(_N_ROWS) + number) % 3)


def _counts_by_student(number: int) -> NDArray[Any]:
    """Return small whole numbers that never change for a student."""
    random = np.random.RandomState(RECIPE + 1 + number)
    each = random.randint(0, 30, _N_STUDENTS).astype(np.float64)
    return np.repeat(each, _N_ROWS // _N_STUDENTS)


#: What columns that no event table has are filled with, in the order of the attempts.
_FILLED: dict[str, Callable[[int], NDArray[Any]]] = {
    "numbers": _counts,
    "words": _words,
    "numbers by student": _counts_by_student,  # for StaticColumns
}
