"""``edml predict``: who is on the way to failing, from a model or an endpoint."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pandas as pd

from edml.cli._config import SECRETS
from edml.cli._files import safe_name, write_json, write_whole
from edml.cli._terminal import stage
from edml.datasets import as_of
from edml.exceptions import TableError
from edml.schema import COURSE, PARTITION, STUDENT, read_partitions

#: The variable of the environment that holds the endpoint's token.
TOKEN = SECRETS["endpoint", "token"]

_COURSE_NAME, _FILE_NUMBER = "course_name", "legajo"
_KEYS = (STUDENT, COURSE)
#: The columns of what is predicted, in order; the last two where they are asked for.
COLUMNS = (
    STUDENT,
    COURSE,
    _COURSE_NAME,
    _FILE_NUMBER,
    PARTITION,
    "probability",
    "flagged",
    "threshold",
    "model_version",
    "reasons",
    "facts",
)


class Wanted(NamedTuple):
    """Whose risk is asked for, and when.

    Attributes
    ----------
    course : str or None
        Name or id of a course; None is all.
    students : sequence of str
        Ids; none is all.
    partition : int or None
        The course day as of whose end; None is each student's latest.
    language : {"en", "es"}
        Of the reasons.
    explain : bool
        Whether reasons and facts are asked for.
    """

    course: str | None = None
    students: Sequence[str] = ()
    partition: int | None = None
    language: str = "en"
    explain: bool = True


class Client(Protocol):
    """What is asked of `edml.serving.RiskClient`."""

    def predict(
        self, X: pd.DataFrame, explain: bool = False, language: str = "en"
    ) -> pd.DataFrame:
        """Score the events of students."""
        ...


def choose_events(
    X: pd.DataFrame, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    """Give the events of those who are asked for, all that is known of them.

    Parameters
    ----------
    X : DataFrame
        The event table.
    wanted : Wanted
        Who.
    names : mapping of str to str
        The actual column names.

    Returns
    -------
    chosen : DataFrame
        Some rows of ``X``.

    Raises
    ------
    TableError
        If there is no such course, or no event of one of the students.
    """
    if wanted.course is not None:
        columns = [names[name] for name in (_COURSE_NAME, COURSE)]
        there = [X[name].astype(str) for name in columns if name in X.columns]
        of_course = sum(column == wanted.course for column in there) > 0
        if not of_course.any():
            message = (
                "Expected the course that --course names; found no event of it. Give "
                "its name or id as the table has it."
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
            message = (  # by number: an id is a student's
                f"Expected events of all {len(wanted.students)} students; found none "
                f"of number {', '.join(map(str, absent))} of them. Give ids as the "
                f"column {names[STUDENT]!r} has them."
            )
            raise TableError(message)
        X = X[students.isin(wanted.students)]
    return X


def predict_with_model(
    model: Any, version: int, X: pd.DataFrame, wanted: Wanted
) -> pd.DataFrame:
    """Score students with a loaded model.

    Parameters
    ----------
    model : DeployedClassifier
        The model.
    version : int
        Its number.
    X : DataFrame
        What `choose_events` gave.
    wanted : Wanted
        When, and in which language.

    Returns
    -------
    students : DataFrame
        One row per student and course, the highest probability first, with the
        probabilities of `score_students` to the bit.
    """
    students = model.score_students(
        X,
        at=wanted.partition,
        language=wanted.language,
        n_reasons=3 if wanted.explain else 0,
    )
    students["threshold"] = float(model.threshold_)
    students["model_version"] = version
    return _in_order(students)


def predict_with_client(
    client: Client, X: pd.DataFrame, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    """Score students by an endpoint, which is sent their events alone.

    Parameters
    ----------
    client : RiskClient
        Asks the endpoint.
    X : DataFrame
        What `choose_events` gave.
    wanted : Wanted
        When.
    names : mapping of str to str
        The actual column names.

    Returns
    -------
    students : DataFrame
        As from `predict_with_model`.

    Raises
    ------
    TableError
        If no event is so early.
    """
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
    # as texts: an id may be a number here, and a text on its way there and back
    rows = X.drop_duplicates([names[name] for name in _KEYS])
    place = {key: row for row, key in enumerate(_keys(rows, names))}
    of_rows = [place[key] for key in _keys(found, dict(zip(_KEYS, _KEYS, strict=True)))]
    told = rows.iloc[of_rows]
    for name in (*_KEYS, _COURSE_NAME, _FILE_NUMBER):
        if names[name] in told.columns:
            found[name] = told[names[name]].to_numpy()
    order = (-found["probability"].to_numpy()).argsort(kind="stable")
    return _in_order(found.iloc[order])


def write_files(
    students: pd.DataFrame,
    folder: Path,
    kind: str,
    wanted: Wanted,
    about: Mapping[str, Any],
    today: date | None = None,
) -> list[str]:
    """Write what was predicted, one file per course.

    Parameters
    ----------
    students : DataFrame
        What was predicted.
    folder : Path
        Files are ``<course>/<partition>/<date>.<kind>`` in it.
    kind : {"json", "csv"}
        Of the files.
    wanted : Wanted
        The partition; where there is none, the latest of each course names the file.
    about : mapping
        What the files of JSON tell besides.
    today : date or None, default=None
        The date; None is that of the machine.

    Returns
    -------
    paths : list of str
        The files, by course.
    """
    today = today or date.today()
    name = _COURSE_NAME if _COURSE_NAME in students.columns else COURSE
    labels = students[name].where(students[name].notna(), students[COURSE]).astype(str)
    paths = []
    for label, folder_name in _folders(sorted(set(labels))).items():
        of_course = students[labels == label]
        day = wanted.partition
        if day is None:
            day = int(read_partitions(of_course[PARTITION]).max())
        path = folder / folder_name / str(day) / f"{today:%Y-%m-%d}.{kind}"
        if kind == "csv":
            write_whole(path, to_csv(of_course))
        else:
            head = {**about, "course": label, "partition": day, "date": str(today)}
            write_json(path, {**head, "predictions": to_records(of_course)})
        paths.append(str(path))
    return paths


def to_records(students: pd.DataFrame) -> list[dict[str, Any]]:
    """Give what was predicted as JSON can hold it, without loss.

    Parameters
    ----------
    students : DataFrame
        What was predicted.

    Returns
    -------
    records : list of dict
        Null where nothing is known.
    """
    columns = {name: students[name].tolist() for name in students.columns}
    return [
        dict(zip(columns, map(_plain, values), strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def to_csv(students: pd.DataFrame) -> bytes:
    """Give what was predicted as CSV; a list of texts is one, parted by "; ".

    Parameters
    ----------
    students : DataFrame
        What was predicted.

    Returns
    -------
    data : bytes
        Probabilities to the last bit.
    """
    lists = [name for name in ("reasons", "facts") if name in students.columns]
    flat = students.assign(**{name: students[name].map("; ".join) for name in lists})
    return flat.to_csv(index=False).encode("utf-8", "surrogatepass")


def predict(
    X: pd.DataFrame,
    wanted: Wanted,
    names: Mapping[str, str],
    *,
    model: Any = None,
    version: int | None = None,
    client: Client | None = None,
) -> pd.DataFrame:
    """Score those who are asked for, by a model or by an endpoint.

    Parameters
    ----------
    X : DataFrame
        The event table.
    wanted : Wanted
        Who and when.
    names : mapping of str to str
        The actual column names.
    model : DeployedClassifier or None, default=None
        The model, where it is not the endpoint's.
    version : int or None, default=None
        Its number.
    client : RiskClient or None, default=None
        Asks the endpoint.

    Returns
    -------
    students : DataFrame
        One row per student and course, the highest probability first.
    """
    chosen = choose_events(X, wanted, names)
    with stage(f"Scoring {len(chosen):,} rows"):
        if client is not None:
            return predict_with_client(client, chosen, wanted, names)
        return predict_with_model(model, version or 0, chosen, wanted)


def _keys(table: pd.DataFrame, names: Mapping[str, str]) -> list[tuple[str, str]]:
    student, course = (table[names[name]].astype(str).tolist() for name in _KEYS)
    return list(zip(student, course, strict=True))


def _in_order(students: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in COLUMNS if name in students.columns]
    return students[columns].reset_index(drop=True)


def _folders(labels: Sequence[str]) -> dict[str, str]:
    """Give each course its folder; no two differ by upper and lower case alone."""
    folders: dict[str, str] = {}
    for label in labels:
        name = safe_name(label)
        if name.casefold() in {taken.casefold() for taken in folders.values()}:
            name = safe_name(f"{label}/")  # with the hash of a name of its own
        folders[label] = name
    return folders


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return None if value is pd.NA else value
