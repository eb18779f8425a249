"""The spaces of edml's own algorithms, and their first points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.pipeline import CLASSIFIERS, make_risk_pipeline
from edml.tuning._algorithms import BALANCE, make_algorithms
from edml.tuning._bayes import Proposer
from edml.tuning._spaces import FIXED, PATIENCE, first_points, search_space

BALANCES = st.lists(st.sampled_from(BALANCE), min_size=1, unique=True).map(tuple)
ALGORITHMS = st.sampled_from(CLASSIFIERS)


@given(ALGORITHMS, BALANCES, st.integers(1, 10**6), st.booleans())
def test_first_points_are_inside(algorithm, balance, n_rows, events):
    space = search_space(algorithm, balance, n_rows, events=events)
    points = first_points(algorithm, balance, n_rows, events=events)
    assert points
    for point in points:
        assert set(point) == set(space)
        for name, value in point.items():
            assert value in space[name], name
    assert len({repr(point) for point in points}) == len(points)


@given(ALGORITHMS, st.integers(1, 10**6), st.booleans())
def test_spaces_name_parameters_of_the_pipeline(algorithm, n_rows, events):
    space = search_space(algorithm, BALANCE, n_rows, events=events)
    known = make_risk_pipeline(algorithm).get_params()
    assert set(space) - {"balance"} <= set(known)
    assert {f"classify__{name}" for name in FIXED[algorithm]} <= set(known)
    assert ("snapshots__every" in space) == events
    assert "classify__n_estimators" not in space  # read off each fit
    assert PATIENCE[algorithm] >= 1


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
@pytest.mark.parametrize("balance", BALANCE)
def test_drawn_points_can_be_fitted(algorithm, balance):
    made = make_algorithms(
        [algorithm],
        [balance],
        pipeline_params={},
        n_rows=200,
        ratio=4.0,
        events=False,
        impute=False,
        random_state=0,
    )[0]
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 4)), np.repeat([0, 1], [60, 20])
    points = [*made.first, Proposer(made.space, 0).ask()]
    for point in points:
        pipeline = made.configure(point, n_trees=3).fit(X, y)
        assert pipeline.predict_proba(X).shape == (80, 2)
        assert pipeline.get_params()["classify__n_estimators"] == 3


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_configuring_leaves_the_algorithm_as_it_was(algorithm):
    made = make_algorithms(
        [algorithm],
        BALANCE,
        pipeline_params={},
        n_rows=200,
        ratio=4.0,
        events=True,
        impute=False,
        random_state=7,
    )[0]
    before = repr(made.pipeline.get_params())
    for balance in BALANCE:
        made.configure({**made.first[0], "balance": balance}, 30)
    assert repr(made.pipeline.get_params()) == before
    assert made.pipeline.get_params()["classify__random_state"] == 7


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_weight_makes_both_classes_weigh_the_same(algorithm):
    made = make_algorithms(
        [algorithm],
        ["weight"],
        pipeline_params={},
        n_rows=200,
        ratio=4.0,
        events=False,
        impute=False,
        random_state=7,
    )[0]
    classifier = made.configure(made.first[0])[-1].get_params()
    if algorithm == "random_forest":
        assert classifier["class_weight"] == {0: 1.0, 1: 4.0}
    else:
        assert classifier["scale_pos_weight"] == 4.0
