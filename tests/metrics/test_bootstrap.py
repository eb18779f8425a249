"""bootstrap_metrics: compared with repeated rows, and coverage of its intervals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from edml.metrics import (
    METRIC_TITLES,
    bootstrap_metrics,
    calibration_bins,
    percentile_interval,
    snapshot_metrics,
)
from figures_oracle import by_scikit_learn

CLUSTERED = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0.0, 0.1, 0.5, 0.50001, 0.9, 1.0]),
        st.sampled_from("abcdef"),
    ),
    min_size=1,
    max_size=30,
)


def draw_counts(n_clusters, n_resamples, seed):
    """Count with a loop how often each resample draws each cluster."""
    random = np.random.RandomState(seed)
    for _ in range(n_resamples):
        drawn = random.randint(n_clusters, size=n_clusters)
        yield np.bincount(drawn, minlength=n_clusters)


def students_of(n_students, seed=0, spread=1.0):
    """Simulate students with several correlated snapshots each."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(-1.5, spread, n_students)
    student = np.repeat(np.arange(n_students), rng.integers(1, 12, n_students))
    fails = rng.random(n_students) < norm.cdf(risk)
    p = norm.cdf(risk[student] + rng.normal(0, 0.5, len(student)))
    return fails[student].astype(int), p, student


# -- against the definition ---------------------------------------------------


@given(CLUSTERED, st.integers(0, 5), st.sampled_from([0.1, 0.5, 2.0]))
def test_resamples_are_those_of_repeated_rows(rows, seed, threshold):
    y, p, cluster = (np.array(column) for column in zip(*rows, strict=True))
    code = np.unique(cluster, return_inverse=True)[1]
    found = bootstrap_metrics(
        y, p, cluster, threshold=threshold, n_resamples=5, random_state=seed
    )
    assert list(found) == list(METRIC_TITLES)
    for number, counts in enumerate(draw_counts(code.max() + 1, 5, seed)):
        taken = np.repeat(np.arange(len(y)), counts[code])
        expected = snapshot_metrics(y[taken], p[taken], threshold)
        expected["calibration_error"] = found["calibration_error"][number]
        assert found.loc[number].to_dict() == pytest.approx(
            expected, abs=1e-12, nan_ok=True
        )


@pytest.mark.parametrize("decimals", [2, 12], ids=["ties", "no ties"])
def test_resamples_are_those_of_weights_in_scikit_learn(decimals):
    y, p, cluster = students_of(120)
    p = p.round(decimals)
    found = bootstrap_metrics(y, p, cluster, threshold=0.3, n_resamples=20)
    del found["calibration_error"]
    for number, counts in enumerate(draw_counts(120, 20, 0)):
        expected = by_scikit_learn(y, p, 0.3, counts[cluster])
        assert found.loc[number].to_dict() == pytest.approx(expected, abs=1e-12)


def test_bins_of_calibration_error_stay_those_of_the_data():
    y, p, cluster = students_of(80)
    p = p.round(2)
    edges = np.sort(p)[calibration_bins(y, p)["n"].cumsum() - 1]
    bins = np.searchsorted(edges, p)
    found = bootstrap_metrics(
        y, p, cluster, metrics=["calibration_error"], n_resamples=10
    )
    for number, counts in enumerate(draw_counts(80, 10, 0)):
        weight = counts[cluster]
        gap = np.bincount(bins, weight * (p - y))
        expected = np.abs(gap).sum() / weight.sum()
        assert found.loc[number, "calibration_error"] == pytest.approx(expected)


def test_batches_do_not_show(monkeypatch):
    y, p, cluster = students_of(50)
    whole = bootstrap_metrics(y, p, cluster, n_resamples=30)
    monkeypatch.setattr("edml.metrics._bootstrap.BATCH", 200)
    parts = bootstrap_metrics(y, p, cluster, n_resamples=30)
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-12)


def test_one_cluster_is_the_sample_itself():
    y, p = [0, 1, 1, 0], [0.25, 0.5, 0.75, 0.5]
    found = bootstrap_metrics(y, p, ["a"] * 4, n_resamples=3)
    for _, row in found.iterrows():
        assert row.to_dict() == pytest.approx(snapshot_metrics(y, p))


def test_resample_of_one_class_has_no_ranking():
    y, p, cluster = [0, 0, 1], [0.1, 0.2, 0.9], ["a", "b", "c"]
    found = bootstrap_metrics(y, p, cluster, n_resamples=200)
    lost = found["roc_auc"].isna()
    # No failing student with 8/27, no passing one with 1/27.
    assert 40 < lost.sum() < 95
    assert found["average_precision"].isna().equals(lost)
    assert found[["brier", "log_loss", "accuracy"]].notna().all(axis=None)
    assert (found.loc[~lost, "roc_auc"] == 1).all()


# -- the draws ----------------------------------------------------------------


@given(CLUSTERED, st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, other = (
        bootstrap_metrics(*zip(*made, strict=True), n_resamples=4)
        for made in (rows, shuffled)
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_draws_of_two_models_are_paired():
    y, p, cluster = students_of(200)
    one = bootstrap_metrics(y, p, cluster, n_resamples=200)
    pd.testing.assert_frame_equal(
        one, bootstrap_metrics(y, p, cluster, n_resamples=200), check_exact=True
    )
    better = np.where(y == 1, np.minimum(p + 0.02, 1), np.maximum(p - 0.02, 0))
    two = bootstrap_metrics(y, better, cluster, n_resamples=200)
    assert (two["brier"] < one["brier"]).all()
    assert (two["roc_auc"] >= one["roc_auc"]).all()
    unpaired = bootstrap_metrics(y, better, cluster, n_resamples=200, random_state=1)
    spread = (two - one)["roc_auc"].std()
    assert spread < 0.2 * (unpaired - one)["roc_auc"].std()


@pytest.mark.parametrize("kind", ["O", "category", "str", "float", "S"])
def test_ids_are_numbered_alike_in_any_dtype(kind):
    y, p, cluster = students_of(9)  # 0 to 8 sort alike as texts and as numbers
    expected = bootstrap_metrics(y, p, cluster, n_resamples=10)
    ids = pd.Series(cluster.astype(kind) if kind == "S" else cluster)
    ids = ids if kind == "S" else ids.astype(kind)
    found = bootstrap_metrics(y, p, ids, n_resamples=10)
    pd.testing.assert_frame_equal(found, expected)
    ids.index = ids.index[::-1]  # by position
    pd.testing.assert_frame_equal(
        bootstrap_metrics(y, p, ids, n_resamples=10), expected
    )


def test_ids_may_be_pairs():
    y, p, cluster = students_of(9)
    pairs = pd.Series([(code, "x") for code in cluster])
    found = bootstrap_metrics(y, p, pairs, n_resamples=10)
    expected = bootstrap_metrics(y, p, cluster, n_resamples=10)
    pd.testing.assert_frame_equal(found, expected)


def test_fewer_resamples_are_the_first_of_more():
    y, p, cluster = students_of(60)
    many = bootstrap_metrics(y, p, cluster, n_resamples=50)
    few = bootstrap_metrics(y, p, cluster, n_resamples=7)
    pd.testing.assert_frame_equal(few, many.head(7), rtol=1e-12)


def test_random_states():
    y, p, cluster = students_of(60)
    by_seed = bootstrap_metrics(y, p, cluster, n_resamples=5, random_state=3)
    random = np.random.RandomState(3)
    first = bootstrap_metrics(y, p, cluster, n_resamples=5, random_state=random)
    second = bootstrap_metrics(y, p, cluster, n_resamples=5, random_state=random)
    pd.testing.assert_frame_equal(by_seed, first)
    assert not second.equals(first)


def test_chosen_metrics_keep_their_order():
    y, p, cluster = students_of(60)
    every = bootstrap_metrics(y, p, cluster, n_resamples=5)
    for names in (["recall", "roc_auc"], ("brier",), ["f1", "average_precision"]):
        found = bootstrap_metrics(y, p, cluster, metrics=names, n_resamples=5)
        pd.testing.assert_frame_equal(found, every[list(names)])


# -- intervals ----------------------------------------------------------------


@pytest.mark.slow
def test_intervals_have_nominal_coverage():
    y, p, _ = students_of(200_000, seed=1)
    truth = snapshot_metrics(y, p, 0.3)
    names = ["roc_auc", "average_precision", "brier", "log_loss", "recall", "precision"]
    held = dict.fromkeys(names, 0)
    naive = 0
    for seed in range(200):
        y, p, cluster = students_of(400, seed=1000 + seed)
        options = {"threshold": 0.3, "metrics": names, "n_resamples": 300}
        draws = bootstrap_metrics(y, p, cluster, **options)
        for name in names:
            low, high = percentile_interval(draws[name])
            held[name] += low <= truth[name] <= high
        options["metrics"] = ["brier"]
        rows = bootstrap_metrics(y, p, np.arange(len(y)), **options)
        low, high = percentile_interval(rows["brier"])
        naive += low <= truth["brier"] <= high
    assert all(176 <= count <= 200 for count in held.values()), held
    assert naive < 160  # drawing snapshots is overconfident


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_interval_spans_the_percentiles(draws, confidence):
    low, high = percentile_interval(draws, confidence)
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    assert [low, high] == pytest.approx(np.percentile(draws, tails), rel=1e-9, abs=1e-6)


def test_interval_ignores_undefined_draws():
    assert percentile_interval([np.nan, 1.0, np.inf, 3.0], 0.5) == (1.5, 2.5)
    for draws in ([], [np.nan], [np.nan, np.nan, 1.0]):
        assert np.isnan(percentile_interval(draws)).all()


def test_interval_with_bad_parameters_raises():
    for confidence in (0, 1, 95):
        with pytest.raises(ValueError, match="confidence"):
            percentile_interval([1.0], confidence)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        percentile_interval(pd.DataFrame({"a": [1, 2], "b": [1, 2]}))


# -- errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clusters": ["a"]}, "y_true, clusters need the same rows; they hold 2, 1"),
        ({"clusters": ["a", None]}, "'clusters': 1 of 2 rows have no value"),
        ({"clusters": [1.0, np.nan]}, "'clusters': 1 of 2 rows have no value"),
        ({"clusters": [["a", "x"], ["b", "x"]]}, r"clusters.*shape \(2, 2\)"),
        ({"y_prob": [0.5, np.nan]}, "1 of 2 are NaN"),
        ({"y_true": [1, 2]}, "y_true needs the values 0 and 1"),
        ({"metrics": ["auc", "f1"]}, r"metrics needs some of .*; found \['auc'\]"),
        ({"metrics": []}, "found none"),
        ({"n_resamples": 0}, "n_resamples"),
        ({"threshold": np.nan}, "threshold"),
        ({"random_state": "x"}, "seed"),
    ],
)
def test_undrawable_input_raises(changed, message):
    given = {"y_true": [0, 1], "y_prob": [0.1, 0.2], "clusters": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        bootstrap_metrics(**given | changed)
