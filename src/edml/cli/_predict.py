"""``edml predict``: predict who is at risk, with a registry or an endpoint."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from edml._messages import coded
from edml._spreadsheet import without_formulas
from edml.cli._access import open_registry
from edml.cli._files import (
    add_context,
    read_files,
    safe_name,
    to_json,
    write_beside,
    write_whole,
)
from edml.cli._predict_store import predict_store
from edml.cli._selection import (
    COURSE_NAME,
    FILE_NUMBER,
    Chosen,
    Wanted,
    choose_events,
    id_texts,
)
from edml.cli._settings import Config
from edml.cli._stores import is_store, reject_context
from edml.cli._terminal import stage, words
from edml.exceptions import TableError
from edml.registry import PRODUCTION
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    canonical_names,
    columns_of,
    read_partitions,
    resolve_columns,
)

if TYPE_CHECKING:
    from edml.ledger import Ledger
    from edml.serving import RiskClient

_KEYS = (STUDENT, COURSE)
#: The columns of a prediction, in order: those of the events, and what is added to
#: them, the last two only on request.
_OF_EVENTS = (STUDENT, COURSE, COURSE_NAME, FILE_NUMBER, PARTITION)
_ADDED = (
    "probability",
    "flagged",
    "threshold",
    "model_version",
    "reasons",
    "facts",
)


class Predictions(NamedTuple):
    """Predictions by canonical names, the highest probability first.

    ``courses`` has the id, label, period and ``unit`` of the course of each prediction,
    as `list_histories` does. ``about`` names the model, and ``names`` maps canonical to
    the user's names. ``partition`` is the requested day, if any.
    """

    students: pd.DataFrame
    courses: pd.DataFrame
    about: dict[str, Any]
    names: Mapping[str, str]
    partition: int | None = None

    def to_records(self) -> list[dict[str, Any]]:
        """Return the predictions in lossless JSON form, by the user's names."""
        return to_records(self.students.rename(columns=self.names))


def predict(
    events: Sequence[Path],
    wanted: Wanted,
    config: Config,
    open_client: "Callable[[], RiskClient] | None" = None,
    ledger: "Ledger | None" = None,
) -> Predictions:
    """Predict with the endpoint, or with the production model of the registry.

    The ledger, if any, records the predictions before they are returned.
    """
    of_rows: str | pd.DataFrame
    model_hash = None
    stores = [path for path in events if is_store(path)]
    if stores and (open_client is not None or len(events) > 1):
        message = (
            f"{stores[0]} is a store of events, which is read by itself and with a "
            "registry, not by an endpoint. Pass one store, and --registry."
        )
        raise TableError(coded("one_store", message, path=stores[0]))
    if open_client is not None:
        names = resolve_columns(config.columns)
        with open_client() as client:
            chosen = _read(events, wanted, names, config, config.signals.context)
            of_rows = chosen.X
            with _scoring(chosen.X):
                found = predict_with_client(client, chosen, wanted, names)
        version = found["model_version"].unique().tolist()[0]
        about = {"endpoint": config.endpoint.url, "model_version": version}
    else:
        with stage("Reading the model"):
            from edml.classifier import reads_context  # noqa: PLC0415 - slow to import

            registry = open_registry(config.registry)
            record = registry.record(PRODUCTION)
            model = registry.load(record.version)
        names, version, model_hash = (
            columns_of(model),
            record.version,
            record.model_hash,
        )
        score = partial(predict_with_model, model, version, wanted=wanted)
        if stores:
            if reads_context(model):
                reject_context(stores[0])
            key = f"{model_hash} {wanted} {version}"
            chosen, of_rows, found = predict_store(
                stores[0], wanted, names, config, score, key
            )
        else:
            chosen = _read(events, wanted, names, config, reads_context(model))
            of_rows = chosen.X
            with _scoring(chosen.X):
                found = score(chosen=chosen)
        about = {"registry": config.registry.name, "model_version": version}
    courses = courses_of(found, chosen.histories)
    if ledger is not None:
        with stage("Recording in {file}", file=ledger.path):
            ledger.append(
                found.assign(**{PERIOD: courses[PERIOD]}),
                version=version,
                registry=about.get("registry"),
                model_hash=model_hash,
                events=of_rows,
                threshold=float(found["threshold"].iloc[0]),
                capacity=config.contacts,
                source="predict",
            )
        about["ledger"] = str(ledger.path)
    found = found.drop(columns="reason_features", errors="ignore")
    return Predictions(found, courses, about, names, chosen.partition)


def _scoring(X: pd.DataFrame) -> AbstractContextManager[None]:
    return stage(words.ngettext("Scoring {n} row", "Scoring {n} rows", len(X)))


def _read(
    events: Sequence[Path],
    wanted: Wanted,
    names: Mapping[str, str],
    config: Config,
    context: bool,
) -> Chosen:
    """Return the requested events and their students in courses."""
    check_names(names)
    with stage("Reading the events"):
        X = read_files(events, names, source=config.source)
        if context:  # before students are left out
            X = add_context(X, names, config.data.partition_days)
        return choose_events(X, wanted, names, config.data.partition_days)


def check_names(names: Mapping[str, str]) -> None:
    """Raise if the events have columns that predictions add."""
    taken = [names[name] for name in _OF_EVENTS if names[name] in _ADDED]
    if taken:
        message = coded(
            "taken_names",
            f"The columns {taken} of the events have names that the predictions use "
            f"for their own, {list(_ADDED)}. Rename them.",
            columns=taken,
        )
        raise TableError(message)


def courses_of(students: pd.DataFrame, histories: pd.DataFrame) -> pd.DataFrame:
    """Return the course of each prediction: its id, label, period and unit."""
    keys = list(_KEYS)
    asked = students[keys].apply(id_texts)
    known = histories.drop_duplicates(keys)[[*keys, "label", PERIOD, "unit"]]
    return asked.merge(known, how="left", on=keys).drop(columns=STUDENT)


def predict_with_model(
    model: Any, version: int, chosen: Chosen, wanted: Wanted
) -> pd.DataFrame:
    """Score students with a loaded model, bit-identical to `score_students`."""
    students = model.score_students(
        chosen.X,
        at=chosen.partition,
        language=wanted.language,
        n_reasons=3 if wanted.explain else 0,
    )
    students = canonical_names(students, columns_of(model))
    students["threshold"] = float(model.threshold_)
    students["model_version"] = version
    return _in_order(students)


def predict_with_client(
    client: "RiskClient", chosen: Chosen, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    """Score students with an endpoint, which receives only their events."""
    X = chosen.X
    found = client.predict(X, wanted.explain, wanted.language, at=chosen.partition)
    found = found.rename(columns={names[name]: name for name in (*_KEYS, PARTITION)})
    # as text: an id may be a number here, and text in the request and the answer
    keys = [names[name] for name in _KEYS]
    sent = X.drop_duplicates(keys)
    sent = sent.set_index([sent[key].astype(str) for key in keys])
    asked = list(found[list(_KEYS)].astype(str).itertuples(index=False, name=None))
    for name in (*_KEYS, COURSE_NAME, FILE_NUMBER):
        if names[name] in sent.columns:
            found[name] = sent[names[name]].loc[asked].to_numpy()
    order = (-found["probability"].to_numpy()).argsort(kind="stable")
    return _in_order(found.iloc[order])


def write_files(
    found: Predictions, folder: Path, kind: str, *, whole: bool, now: datetime
) -> list[str]:
    """Write ``<course>/<partition>/<time>.<kind>`` for each course; return the paths.

    No file is ever replaced but the course's ``latest.<kind>``, which equals the newest
    list of the ``whole`` course on its latest day. Lists of some students are named
    ``<time>-selected``. Columns have the user's names. JSON files start with what is
    known about the model.
    """
    paths = []
    units = found.courses.drop_duplicates("unit").set_index("unit").sort_values("label")
    for unit, name in _folders(units).items():
        of_course = found.students[(found.courses["unit"] == unit).to_numpy()]
        day = found.partition
        if day is None:
            day = int(read_partitions(of_course[PARTITION]).max())
        of_course = of_course.rename(columns=found.names)
        if kind == "csv":
            data = _to_csv(of_course)
        else:
            head = {
                "course": units.loc[unit, "label"],
                "period": units.loc[unit, PERIOD] or None,
                "partition": day,
                "time": now.isoformat(timespec="milliseconds"),
                "whole_course": whole,
            }
            records = to_records(of_course)
            data = to_json({**found.about, **head, "predictions": records})
        suffix = f".{kind}" if whole else f"-selected.{kind}"
        paths.append(str(write_beside(folder / name / str(day), now, suffix, data)))
        if whole and found.partition is None:
            write_whole(folder / name / f"latest.{kind}", data)
    return paths


def to_records(students: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions in lossless JSON form; null where unknown."""
    known = students.astype(object).where(students.notna(), None)
    return known.to_dict("records")


def _to_csv(students: pd.DataFrame) -> bytes:
    """Format for a spreadsheet: lossless probabilities, and lists joined by "; "."""
    lists = [name for name in ("reasons", "facts") if name in students.columns]
    flat = students.assign(**{name: students[name].map("; ".join) for name in lists})
    return without_formulas(flat).to_csv(index=False).encode("utf-8", "surrogatepass")


def _in_order(students: pd.DataFrame) -> pd.DataFrame:
    known = (*_OF_EVENTS, *_ADDED, "reason_features")
    columns = [name for name in known if name in students.columns]
    return students[columns].reset_index(drop=True)


def _folders(units: pd.DataFrame) -> dict[int, str]:
    """Return a folder for each course; no two differ only in case."""
    folders: dict[int, str] = {}
    taken: set[str] = set()
    for unit, label, course in units[["label", COURSE]].itertuples(name=None):
        name = safe_name(label)
        if name.casefold() in taken:
            name = safe_name(f"{label}/{course}")  # the slash makes it add a hash
        taken.add(name.casefold())
        folders[unit] = name
    return folders
