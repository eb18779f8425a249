"""Scorer: the probabilities of `score_students`, without the tables in between."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from edml.classifier import DeployedClassifier
from edml.classifier._calibration import calibrate
from edml.classifier._training import raw_scores
from edml.datasets import make_student_activity
from edml.feature_extraction import FEATURES, FeatureEngineer
from edml.pipeline import Blend, split_per_history
from edml.pipeline._blend import PROBABILITY, mean_probability
from edml.preprocessing import DataCleaner, KeyDropper
from edml.schema import (
    COLUMNS,
    COURSE,
    PARTITION,
    REQUIRED_COLUMNS,
    STUDENT,
    FloatArray,
    IntArray,
    columns_of,
    read_partitions,
)


class Scores(NamedTuple):
    """One entry per student and course, the highest probability first.

    Attributes
    ----------
    students, courses : ndarray of shape (n_histories,)
        Their ids.
    partitions : ndarray of shape (n_histories,)
        The latest of each.
    probabilities : ndarray of shape (n_histories,)
        In [0, 1].
    """

    students: NDArray[Any]
    courses: NDArray[Any]
    partitions: IntArray
    probabilities: FloatArray


class Scorer:
    """A model of event tables, ready to score them.

    `score_students` is made for notebooks; most of its time for one student goes into
    tables. Where a model is a plain pipeline of edml, its steps are called with what
    they need alone, and made-up students prove that not a bit is different.

    Parameters
    ----------
    model : classifier
        What a registry loads.

    Attributes
    ----------
    model : classifier
        The same.
    columns : dict of str to str
        What it reads: canonical to actual names.

    Raises
    ------
    Exception
        Of any kind, if the model cannot score the made-up students.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        names = columns_of(model)
        trial = make_student_activity(12, n_courses=2, partitions=20, random_state=0)
        trial = trial.rename(columns=names)
        expected = self._score_students(trial)
        _check_scores(expected)
        direct = _direct_way(model, names)
        self._direct = None
        if direct is not None and _are_equal(direct(trial), expected):
            self._direct = direct
        self.columns = {name: names[name] for name in REQUIRED_COLUMNS}
        if self._direct is None:  # steps of others may read any column
            self.columns = {**names, **_other_columns(model, names)}

    def __call__(self, X: pd.DataFrame) -> Scores:
        """Score the histories of a table.

        Parameters
        ----------
        X : DataFrame
            An event table, its rows numbered from 0.

        Returns
        -------
        scores : Scores
            The same bits as `score_students` gives.
        """
        with np.errstate(all="ignore"):
            if self._direct is not None:
                return self._direct(X)
            return self._score_students(X)

    def _score_students(self, X: pd.DataFrame) -> Scores:
        students = self.model.score_students(X, n_reasons=0)
        return Scores(
            students[STUDENT].to_numpy(),
            students[COURSE].to_numpy(),
            students[PARTITION].to_numpy(),
            students["probability"].to_numpy(),
        )


def _direct_way(
    model: Any, names: Mapping[str, str]
) -> Callable[[pd.DataFrame], Scores] | None:
    """Give a function that scores with a plain pipeline of edml, None for another."""
    if type(model) is not DeployedClassifier:
        return None
    front, rest = split_per_history(model.pipeline_)
    steps = [] if front is None else [step for _, step in front.steps]
    # FeatureEngineer reads a raw table as well as a cleaned one
    *before, engineer = steps or [None]
    if type(engineer) is not FeatureEngineer:
        return None
    if any(type(step) is not DataCleaner for step in before):
        return None
    score = _lightgbm_scores(rest) or _other_scores(rest)

    def direct(X: pd.DataFrame) -> Scores:
        rows, described = engineer.transform_latest(X)
        partitions = read_partitions(X[names[PARTITION]].iloc[rows])
        keys = [X[names[key]].to_numpy()[rows] for key in (STUDENT, COURSE)]
        found = score(keys, described)
        found = calibrate(model.calibrator_, found)
        order = np.argsort(-found, kind="stable")
        students, courses = (ids[order] for ids in keys)
        return Scores(students, courses, partitions[order], found[order])

    return direct


_Score = Callable[[list[NDArray[Any]], FloatArray], FloatArray]


def _lightgbm_scores(rest: Any) -> _Score | None:
    """Give the boosters' own prediction, on the features as an array."""
    if not isinstance(rest, Pipeline) or len(rest.steps) != 2:
        return None
    dropper, classifier = (step for _, step in rest.steps)
    several = type(classifier) is Blend
    bare = classifier.classifiers_ if several else [classifier]
    scale = classifier.scale if several else PROBABILITY  # of one, to the bit
    if type(dropper) is not KeyDropper:
        return None
    if any(type(one) is not LGBMClassifier for one in bare):
        return None
    names = tuple(dropper.get_feature_names_out())
    if names != FEATURES or len(classifier.classes_) != 2:
        return None
    boosters = [one.booster_ for one in bare]

    def score(keys: list[NDArray[Any]], described: FloatArray) -> FloatArray:
        rows = np.ascontiguousarray(described)
        # one thread: rows are few, and the requests are what runs side by side
        found = [booster.predict(rows, num_threads=1) for booster in boosters]
        return mean_probability(found, scale)

    return score


def _other_scores(rest: Any) -> _Score:
    """Give the prediction of any other steps, on the features as a table."""

    def score(keys: list[NDArray[Any]], described: FloatArray) -> FloatArray:
        X = pd.DataFrame(described, columns=FEATURES, copy=False)
        for name, ids in zip((COURSE, STUDENT), reversed(keys), strict=True):
            X.insert(0, name, ids)
        return raw_scores(rest, X)

    return score


def _other_columns(model: Any, names: Mapping[str, str]) -> dict[str, str]:
    """Give the columns seen in fit that are not of the event table."""
    actual = set(names.values())
    seen = map(str, getattr(model, "feature_names_in_", ()))
    return {name: name for name in seen if name not in actual and name not in COLUMNS}


def _check_scores(scores: Scores) -> None:
    right = (scores.probabilities >= 0) & (scores.probabilities <= 1)  # no NaN
    if not right.all():
        message = (
            "Expected probabilities in [0, 1] for made-up students; the model gave "
            "others. Fit and register it again."
        )
        raise ValueError(message)


def _are_equal(some: Scores, others: Scores) -> bool:
    return all(
        np.array_equal(one, other) for one, other in zip(some, others, strict=True)
    )
