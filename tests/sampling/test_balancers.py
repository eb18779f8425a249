"""The named balancers, and SMOTE limited to the available neighbours."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from edml.sampling import AdaptiveSMOTE, make_balancer


def numbers(n_minority, n_rows=40):
    data = np.random.default_rng(0).normal(size=(n_rows, 3))
    return data, (np.arange(n_rows) < n_minority).astype(int)


@pytest.mark.parametrize("n_minority", [6, 7, 19])
def test_is_smote_where_there_are_neighbours(n_minority):
    X, y = numbers(n_minority)
    found = AdaptiveSMOTE(random_state=0).fit_resample(X, y)
    for got, expected in zip(
        found, SMOTE(random_state=0).fit_resample(X, y), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("n_minority", [2, 3, 5])
def test_is_smote_of_fewer_neighbours_where_they_are_few(n_minority):
    X, y = numbers(n_minority)
    with pytest.raises(ValueError, match="n_neighbors"):
        SMOTE(random_state=0).fit_resample(X, y)
    sampler = AdaptiveSMOTE(random_state=0)
    expected = SMOTE(random_state=0, k_neighbors=n_minority - 1).fit_resample(X, y)
    np.testing.assert_array_equal(sampler.fit_resample(X, y)[0], expected[0])
    assert sampler.k_neighbors == 5  # the user's parameter is unchanged


def test_a_single_row_is_repeated():
    X, y = numbers(1)
    found, balanced = AdaptiveSMOTE(random_state=0).fit_resample(X, y)
    assert np.bincount(balanced).tolist() == [39, 39]
    assert (found[balanced == 1] == X[0]).all()


@pytest.mark.parametrize("n_minority", [1, 2, 9])
def test_tables_keep_columns_and_made_rows_lie_between(n_minority):
    X, y = numbers(n_minority)
    table = pd.DataFrame(X, columns=list("abc"))
    found, balanced = AdaptiveSMOTE(random_state=0).fit_resample(table, pd.Series(y))
    assert list(found.columns) == list("abc")
    failing, made = X[y == 1], found[balanced == 1].to_numpy()
    assert (made >= failing.min(axis=0)).all()
    assert (made <= failing.max(axis=0)).all()


@pytest.mark.parametrize("n_minority", [1, 4])
def test_strategy_is_kept(n_minority):
    X, y = numbers(n_minority)
    sampler = AdaptiveSMOTE(sampling_strategy=0.5, random_state=0)
    _, balanced = sampler.fit_resample(X, y)
    n_passing = len(y) - n_minority
    assert np.bincount(balanced).tolist() == [n_passing, n_passing // 2]


def test_balanced_rows_are_unchanged():
    X, y = numbers(20)
    np.testing.assert_array_equal(AdaptiveSMOTE().fit_resample(X, y)[0], X)


def test_one_class_raises():
    X, y = numbers(0)
    with pytest.raises(ValueError, match="more than 1 class"):
        AdaptiveSMOTE().fit_resample(X, y)


@pytest.mark.parametrize(
    ("balance", "kind"),
    [
        ("smote", AdaptiveSMOTE),
        ("over", RandomOverSampler),
        ("under", RandomUnderSampler),
    ],
)
def test_names(balance, kind):
    sampler = make_balancer(balance, random_state=7)
    assert type(sampler) is kind
    assert sampler.random_state == 7


def test_samplers_are_used_unchanged():
    sampler = RandomOverSampler(random_state=3)
    assert make_balancer(sampler, random_state=7) is sampler
    assert make_balancer(None) == "passthrough"


@pytest.mark.parametrize("balance", ["SMOTE", "both", 3, object()])
def test_anything_else_raises(balance):
    with pytest.raises(ValueError, match=r"is unknown: pass one of \['smote', 'over'"):
        make_balancer(balance)
