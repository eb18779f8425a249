"""The optimizer of one space, and what is taken for a dimension."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skopt.space import Categorical, Integer, Real

from edml.tuning._bayes import Proposer, one_of, read_dimension, real, whole

SPACE = {
    "rate": real(0.01, 1.0, log=True),
    "leaves": whole(2, 60, log=True),
    "balance": one_of(None, "weight", "smote"),
    "every": one_of(2, 3, 5),
}
TINY = {"kind": one_of("x", "y", None), "depth": whole(1, 4)}


def key(params):
    return tuple(sorted((name, repr(value)) for name, value in params.items()))


def inside(params, space):
    assert set(params) == set(space)
    for name, value in params.items():
        assert value in space[name]
        assert type(value).__module__ == "builtins"


@given(st.integers(0, 1000), st.lists(st.floats(0, 1), min_size=14, max_size=14))
@settings(max_examples=8)
def test_proposals_are_inside_and_new(seed, scores):
    proposer = Proposer(SPACE, seed)
    seen = set()
    for score in scores:
        proposed = proposer.ask()
        inside(proposed, SPACE)
        assert key(proposed) not in seen
        seen.add(key(proposed))
        proposer.tell(proposed, score)
    assert len(proposer._optimizer.Xi) == len(scores)  # the surrogate knew them all


@given(st.integers(0, 100))
@settings(max_examples=8)
def test_a_tiny_space_is_used_up(seed):
    proposer = Proposer(TINY, seed)
    asked = []
    while (proposed := proposer.ask()) is not None:
        asked.append(key(proposed))
        proposer.tell(proposed, 0.5)
        assert len(asked) <= 12
    assert len(set(asked)) == len(asked) >= 9  # the last few may not be drawn


def test_an_empty_space_has_one_point():
    proposer = Proposer({}, 0)
    assert proposer.ask() == {}
    proposer.tell({}, 0.5)
    assert proposer.ask() is None


def test_what_was_taken_is_not_proposed():
    space = {"kind": one_of("x", "y", "z")}
    proposer = Proposer(space, 0)
    assert proposer.take({"kind": "y"})
    assert not proposer.take({"kind": "y"})
    asked = [proposer.ask() for _ in range(3)]
    assert sorted(p["kind"] for p in asked if p) == ["x", "z"]


def test_equal_numbers_of_other_types_are_the_same_point():
    proposer = Proposer({"depth": whole(1, 4), "rate": real(0.1, 2.0)}, 0)
    assert proposer.take({"depth": 2, "rate": 1.0})
    assert not proposer.take({"depth": np.int64(2), "rate": np.float64(1.0)})


def test_the_same_seed_proposes_the_same():
    def follow(seed):
        proposer, found = Proposer(SPACE, seed), []
        for number in range(12):
            found.append(proposer.ask())
            proposer.tell(found[-1], number / 20)
        return found

    assert follow(3) == follow(3)
    assert follow(3) != follow(4)


def test_the_surrogate_learns():
    # the best is at rate 1: late proposals lie nearer to it than drawn ones
    proposer, rates = Proposer({"rate": real(0.0, 1.0)}, 0), []
    for _ in range(30):
        proposed = proposer.ask()
        rates.append(proposed["rate"])
        proposer.tell(proposed, -abs(proposed["rate"] - 1.0))
    assert sum(rates[-10:]) / 10 > 0.8


def test_a_point_outside_is_not_told():
    proposer = Proposer(SPACE, 0)
    point = {"rate": 5.0, "leaves": 3, "balance": None, "every": 2}
    assert proposer.take(point)
    proposer.tell(point, 0.9)
    assert proposer._optimizer.Xi == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((1, 5), Integer),
        ((0.1, 5.0), Real),
        ((1, 500, "log-uniform"), Integer),
        ((1e-3, 1.0, "log-uniform"), Real),
        (["a", "b", "c"], Categorical),
        ([True, False], Categorical),
        ([None, 1, 2], Categorical),
        (Integer(1, 3), Integer),
    ],
    ids=str,
)
def test_read_dimension(value, kind):
    assert isinstance(read_dimension(value), kind)


@pytest.mark.parametrize(
    "choices",
    [[1, 5], [0.1, 1.0], [None, 5], [1, 5, 10], [(10,), (20, 20)], ["a"], [3]],
    ids=str,
)
def test_a_list_is_of_choices(choices):
    # as ModelTuner tells: a range is a tuple
    dimension = read_dimension(choices)
    assert isinstance(dimension, Categorical)
    assert list(dimension.categories) == choices


@pytest.mark.parametrize(
    "value", [(5, 1), (0, 1, "log-uniform"), "ab", 3, [], None, {"a": 1}], ids=str
)
def test_what_is_no_dimension(value):
    with pytest.raises((ValueError, TypeError)):
        read_dimension(value)


def test_it_keeps_one_surrogate_however_long_the_search():
    proposer = Proposer(SPACE, 0)
    for number in range(20):
        proposer.tell(proposer.ask(), float(number))
    assert len(proposer._optimizer.models) == 1
