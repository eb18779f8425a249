"""``edml predict``: predict who is at risk, with a registry or an endpoint."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from edml._words import count
from edml.cli._access import open_client, open_registry
from edml.cli._files import read_events, safe_name, write_json, write_whole
from edml.cli._settings import Config
from edml.cli._terminal import note, stage
from edml.datasets import as_of
from edml.exceptions import TableError
from edml.registry import PRODUCTION
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    PARTITION,
    STUDENT,
    canonical_names,
    columns_of,
    read_partitions,
    resolve_columns,
)

if TYPE_CHECKING:
    from edml.serving import RiskClient

_COURSE_NAME, _FILE_NUMBER = "course_name", "legajo"
_KEYS = (STUDENT, COURSE)
#: The columns of a prediction, in order: those of the events, and what is added to
#: them, the last two only on request.
_OF_EVENTS = (STUDENT, COURSE, _COURSE_NAME, _FILE_NUMBER, PARTITION)
_ADDED = (
    "probability",
    "flagged",
    "threshold",
    "model_version",
    "reasons",
    "facts",
)


class Wanted(NamedTuple):
    """The requested course, students and day; None and no students mean all.

    Predictions are made at the end of the course day ``partition``; None is each
    student's latest.
    """

    course: str | None = None
    students: Sequence[str] = ()
    partition: int | None = None
    language: str = "en"
    explain: bool = True

    @property
    def is_everybody(self) -> bool:
        """Whether no course, student or day was requested."""
        return self.course is None and not self.students and self.partition is None


class Predictions(NamedTuple):
    """Predictions by canonical names, the highest probability first.

    ``about`` names their model, ``names`` maps canonical to the user's names, and
    ``courses`` holds a label of each course of the table, by its id.
    """

    students: pd.DataFrame
    about: dict[str, Any]
    names: Mapping[str, str]
    courses: Mapping[Any, str]

    def to_records(self) -> list[dict[str, Any]]:
        """Return the predictions in lossless JSON form, by the user's names."""
        return to_records(self.students.rename(columns=self.names))


def predict(
    events: Path, wanted: Wanted, config: Config, *, by_endpoint: bool
) -> Predictions:
    """Predict with the endpoint, or with the production model of the registry."""
    if by_endpoint:
        names = resolve_columns(config.columns)
        with open_client(config.endpoint) as client:
            X, courses = _read(events, wanted, names, config)
            with stage(f"Scoring {count(len(X), 'row')}"):
                found = predict_with_client(client, X, wanted, names)
        version = found["model_version"].unique().tolist()[0]
        about = {"endpoint": config.endpoint.url, "model_version": version}
        return Predictions(found, about, names, courses)
    with stage("Reading the model"):
        registry = open_registry(config.registry)
        record = registry.record(PRODUCTION)
        model = registry.load(record.version)
    names = columns_of(model)
    X, courses = _read(events, wanted, names, config)
    with stage(f"Scoring {count(len(X), 'row')}"):
        found = predict_with_model(model, record.version, X, wanted)
    about = {"registry": config.registry.name, "model_version": record.version}
    return Predictions(found, about, names, courses)


def _read(
    events: Path, wanted: Wanted, names: Mapping[str, str], config: Config
) -> tuple[pd.DataFrame, dict[Any, str]]:
    """Return the requested events, and labels of all courses in the file."""
    taken = [names[name] for name in _OF_EVENTS if names[name] in _ADDED]
    if taken:
        message = (
            f"The columns {taken} of the events have names that the predictions use "
            f"for their own, {list(_ADDED)}. Rename them."
        )
        raise TableError(message)
    with stage("Reading the events"):
        X = read_events(events, names, source=config.source)
        chosen = choose_events(X, wanted, names)
    n_left_out = len(X) - len(chosen)
    if n_left_out and wanted.is_everybody:
        note(
            f"Left out {count(n_left_out, 'row')} of students with a final grade, "
            "whose course is over; name it with --course to score them."
        )
    return chosen, label_courses(X, names)


def label_courses(X: pd.DataFrame, names: Mapping[str, str]) -> dict[Any, str]:
    """Return the name of each course by its id, with the id where names are equal.

    A course without a name is labelled by its id.
    """
    courses = X[names[COURSE]]
    title = X[names[_COURSE_NAME]] if names[_COURSE_NAME] in X.columns else courses
    labels = title.groupby(courses, sort=True).first()  # skips nulls
    labels = labels.where(labels.notna(), labels.index.to_series()).astype(str)
    shared = labels.duplicated(keep=False)
    return {
        course: f"{label} ({course})" if is_shared else label
        for course, label, is_shared in zip(
            labels.index, labels.tolist(), shared, strict=True
        )
    }


def choose_events(
    X: pd.DataFrame, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    """Return all events of the requested course and students.

    Unless something was requested, students with a final grade are left out: nobody
    can help them any more. If all have one, all stay.
    """
    if wanted.is_everybody:
        grade = names[FINAL_GRADE]
        running = X[grade].isna() if grade in X.columns else None
        return X if running is None or not running.any() else X[running]
    if wanted.course is not None:
        columns = [names[name] for name in (_COURSE_NAME, COURSE)]
        present = [X[name].astype(str) for name in columns if name in X.columns]
        of_course = sum(column == wanted.course for column in present) > 0
        if not of_course.any():
            message = (
                "Expected events of the course given as --course; found none. Pass its "
                "name or id as the table spells it."
            )
            raise TableError(message)
        X = X[of_course]
    if wanted.students:
        students = X[names[STUDENT]].astype(str)
        absent = sorted(
            place
            for place, student in enumerate(wanted.students, start=1)
            if not (students == student).any()
        )
        if absent:
            message = (  # by position: an id would identify a student
                f"Expected events of all {len(wanted.students)} students; found none "
                f"of number {', '.join(map(str, absent))} of them. Pass ids as the "
                f"column {names[STUDENT]!r} spells them."
            )
            raise TableError(message)
        X = X[students.isin(wanted.students)]
    return X


def predict_with_model(
    model: Any, version: int, X: pd.DataFrame, wanted: Wanted
) -> pd.DataFrame:
    """Score students with a loaded model, bit-identical to `score_students`."""
    students = model.score_students(
        X,
        at=wanted.partition,
        language=wanted.language,
        n_reasons=3 if wanted.explain else 0,
    )
    students = canonical_names(students, columns_of(model))
    students["threshold"] = float(model.threshold_)
    students["model_version"] = version
    return _in_order(students)


def predict_with_client(
    client: "RiskClient", X: pd.DataFrame, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    """Score students with an endpoint, which receives only their events."""
    if wanted.partition is not None:
        X = as_of(X, wanted.partition, columns=names)
        if not len(X):
            message = (
                f"X has no row up to partition {wanted.partition}. Pass a later one "
                "as --partition."
            )
            raise TableError(message)
    found = client.predict(X, wanted.explain, wanted.language).rename(
        columns={names[name]: name for name in (*_KEYS, PARTITION)}
    )
    # as text: an id may be a number here, and text in the request and the answer
    keys = [names[name] for name in _KEYS]
    sent = X.drop_duplicates(keys)
    sent = sent.set_index([sent[key].astype(str) for key in keys])
    asked = list(found[list(_KEYS)].astype(str).itertuples(index=False, name=None))
    for name in (*_KEYS, _COURSE_NAME, _FILE_NUMBER):
        if names[name] in sent.columns:
            found[name] = sent[names[name]].loc[asked].to_numpy()
    order = (-found["probability"].to_numpy()).argsort(kind="stable")
    return _in_order(found.iloc[order])


def write_files(
    found: Predictions,
    folder: Path,
    kind: str,
    partition: int | None = None,
    today: date | None = None,
) -> list[str]:
    """Write ``<course>/<partition>/<date>.<kind>`` for each course; return the paths.

    Columns have the user's names. Without a requested partition, the course's latest
    one names the file. JSON files start with what is known about the model.
    """
    today = today or date.today()
    paths = []
    students = found.students
    folders = _folders(found.courses)
    for course in sorted(set(students[COURSE]), key=found.courses.__getitem__):
        of_course = students[students[COURSE] == course]
        day = partition
        if day is None:
            day = int(read_partitions(of_course[PARTITION]).max())
        path = folder / folders[course] / str(day) / f"{today:%Y-%m-%d}.{kind}"
        of_course = of_course.rename(columns=found.names)
        if kind == "csv":
            write_whole(path, _to_csv(of_course))
        else:
            label = found.courses[course]
            head = {"course": label, "partition": day, "date": str(today)}
            write_json(
                path, {**found.about, **head, "predictions": to_records(of_course)}
            )
        paths.append(str(path))
    return paths


def to_records(students: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions in lossless JSON form; null where unknown."""
    known = students.astype(object).where(students.notna(), None)
    return known.to_dict("records")


def _to_csv(students: pd.DataFrame) -> bytes:
    """Format as CSV: lossless probabilities, and lists joined by "; "."""
    lists = [name for name in ("reasons", "facts") if name in students.columns]
    flat = students.assign(**{name: students[name].map("; ".join) for name in lists})
    return flat.to_csv(index=False).encode("utf-8", "surrogatepass")


def _in_order(students: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in (*_OF_EVENTS, *_ADDED) if name in students.columns]
    return students[columns].reset_index(drop=True)


def _folders(labels: Mapping[Any, str]) -> dict[Any, str]:
    """Return a folder for each course; no two differ only in case."""
    folders: dict[Any, str] = {}
    taken: set[str] = set()
    for course, label in labels.items():
        name = safe_name(label)
        if name.casefold() in taken:
            name = safe_name(f"{label}/{course}")  # the slash makes it add a hash
        taken.add(name.casefold())
        folders[course] = name
    return folders
