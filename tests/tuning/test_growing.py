"""Fits that are scored as they grow, against fresh fits of each number of trees."""

from functools import partial

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from xgboost import XGBClassifier

from edml.pipeline import SerialForest
from edml.tuning._clock import Clock, Limit, OutOfTimeError
from edml.tuning._growing import Path, grow, probability_at

CHECKPOINTS = (10, 20, 40, 50)
LIGHT = partial(
    LGBMClassifier, n_jobs=1, verbosity=-1, deterministic=True, force_col_wise=True
)
XGB = partial(XGBClassifier, n_jobs=1, tree_method="hist")
CLASSIFIERS = {
    "lightgbm": LIGHT(random_state=3),
    "lightgbm, rows and columns drawn": LIGHT(
        random_state=3, subsample=0.5, subsample_freq=1, colsample_bytree=0.4
    ),
    "lightgbm, weighted": LIGHT(random_state=3, scale_pos_weight=4.0),
    "xgboost": XGB(random_state=3),
    "xgboost, rows and columns drawn": XGB(
        random_state=3, subsample=0.5, colsample_bytree=0.4
    ),
    "xgboost, weighted": XGB(random_state=3, scale_pos_weight=4.0),
    "forest": SerialForest(random_state=3),
    "forest, rows and columns drawn": SerialForest(
        random_state=3, max_samples=0.5, max_features=0.4, criterion="entropy"
    ),
    "forest, weighted": SerialForest(random_state=3, class_weight={0: 1.0, 1: 4.0}),
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(260, 6))
    y = (X[:, 0] + X[:, 1] ** 2 + rng.normal(size=260) > 1.5).astype(np.int64)
    X[::9, 2] = np.nan
    X[:, 5] = X[:, 5].round()
    return X[:180], y[:180], X[180:], y[180:]


def follow(classifier, rows, *, patience=99, limit=None, checkpoints=CHECKPOINTS):
    X, y, screen, outcome = rows
    seen = []

    def judge(probability):
        seen.append(np.array(probability))
        return float(average_precision_score(outcome, probability))

    path = Path(checkpoints, patience, judge, limit or Limit())
    return grow(classifier, X, y, screen, path), path, seen


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_against_a_fresh_fit_of_each_number_of_trees(name, rows):
    X, y, screen, outcome = rows
    grown, path, seen = follow(CLASSIFIERS[name], rows)
    assert tuple(path.scores) == CHECKPOINTS
    for n_trees, shown in zip(CHECKPOINTS, seen, strict=True):
        fresh = clone(CLASSIFIERS[name]).set_params(n_estimators=n_trees).fit(X, y)
        probability = fresh.predict_proba(screen)[:, 1].astype(np.float64)
        # what is screened may differ in the last bits: no candidate keeps it
        np.testing.assert_allclose(shown, probability, rtol=1e-6)
        score = average_precision_score(outcome, probability)
        assert path.scores[n_trees] == pytest.approx(score, rel=1e-6)
        assert_array_equal(probability_at(grown, screen, n_trees), probability)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_path_scores_are_to_the_bit(name, rows):
    X, y, screen, outcome = rows
    _, path, _ = follow(CLASSIFIERS[name], rows)
    for n_trees, score in path.scores.items():
        fresh = clone(CLASSIFIERS[name]).set_params(n_estimators=n_trees).fit(X, y)
        assert score == average_precision_score(
            outcome, fresh.predict_proba(screen)[:, 1]
        )


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_row_at_a_time(name, rows):
    screen = rows[2][:5]
    grown, _, _ = follow(CLASSIFIERS[name], rows)
    together = probability_at(grown, screen, 20)
    alone = [probability_at(grown, screen[i : i + 1], 20)[0] for i in range(5)]
    assert_array_equal(together, alone)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
def test_it_leaves_what_it_was_given(name, rows):
    X, y, screen, _ = rows
    given = clone(CLASSIFIERS[name])
    before = given.get_params()
    copies = [X.copy(), y.copy(), screen.copy()]
    grown, _, _ = follow(given, rows)
    assert given.get_params() == before
    assert grown is not given
    for now, then in zip((X, y, screen), copies, strict=True):
        assert_array_equal(now, then)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
@pytest.mark.parametrize("patience", [1, 2])
def test_it_stops_when_no_score_is_better(name, patience, rows):
    X, y, screen, _ = rows
    scores = iter([0.5, 0.7, 0.7, 0.6, 0.9])  # as good is no better
    checkpoints = (10, 20, 30, 40, 50)
    path = Path(checkpoints, patience, lambda _: next(scores), Limit())
    grown = grow(CLASSIFIERS[name], X, y, screen, path)
    assert tuple(path.scores) == checkpoints[: 2 + patience]
    fresh = clone(CLASSIFIERS[name]).set_params(n_estimators=20).fit(X, y)
    assert_array_equal(probability_at(grown, X, 20), fresh.predict_proba(X)[:, 1])


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
def test_it_grows_to_the_end_while_scores_rise(name, rows):
    X, y, screen, _ = rows
    scores = iter([0.5, 0.4, 0.6, 0.55])
    path = Path(CHECKPOINTS, 2, lambda _: next(scores), Limit())
    grow(CLASSIFIERS[name], X, y, screen, path)
    assert tuple(path.scores) == CHECKPOINTS


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
def test_a_moment_that_is_over_stops_it(name, rows):
    with pytest.raises(OutOfTimeError, match="stopped"):
        follow(CLASSIFIERS[name], rows, limit=Limit(0.0))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
def test_it_is_stopped_while_it_grows(name, rows, monkeypatch):
    X, y, screen, _ = rows
    now = [0.0]
    monkeypatch.setattr("edml.tuning._clock.perf_counter", lambda: now[0])
    n_judged = []

    def judge(_):
        n_judged.append(1)
        now[0] += 1.0  # each look takes a second
        return 0.5 + len(n_judged) / 100

    path = Path(CHECKPOINTS, 9, judge, Clock(None).limit(1.5))
    with pytest.raises(OutOfTimeError):
        grow(CLASSIFIERS[name], X, y, screen, path)
    assert tuple(path.scores) == CHECKPOINTS[:2]


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
@pytest.mark.parametrize("error", [ValueError("no such score"), KeyboardInterrupt()])
def test_what_the_judge_raises_is_raised(name, error, rows):
    X, y, screen, _ = rows

    def judge(_):
        raise error

    with pytest.raises(type(error)):
        grow(CLASSIFIERS[name], X, y, screen, Path(CHECKPOINTS, 9, judge, Limit()))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
def test_nothing_of_the_search_is_left_in_the_fit(name, rows):
    grown, _, _ = follow(CLASSIFIERS[name], rows)
    params = grown.get_params()
    assert not params.get("callbacks")
    assert not params.get("warm_start")


def test_clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("edml.tuning._clock.perf_counter", lambda: now[0])
    endless, clock = Clock(None, start=100.0), Clock(5.0, start=100.0)
    now[0] = 103.0
    assert (clock.spent, clock.left) == (3.0, 2.0)
    assert endless.left == float("inf")
    limit = clock.limit(1.0)
    limit.check()
    now[0] = 104.0
    limit.check()  # not yet over
    now[0] = 104.5
    with pytest.raises(OutOfTimeError):
        limit.check()
    Limit().check()
