"""Better models win, equal ones do not, and no report shows the deciding figures."""

import json
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from edml import evaluate, make_risk_pipeline, make_student_activity, make_target
from edml.exceptions import NoChallengerError, RegistryError
from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics
from edml.registry import Contest, ModelRegistry
from edml.registry._contest import _rank
from edml.registry._decision import Rules
from edml.registry._evaluations import Headline

X, y = make_classification(
    1200, n_features=8, n_informative=5, flip_y=0.1, random_state=3
)
TRAIN, VALIDATION, ARENA = slice(0, 300), slice(300, 700), slice(700, 1200)
GOOD = LogisticRegression().fit(X[TRAIN], y[TRAIN])
# blind to all columns but one
POOR = LogisticRegression().fit(X[TRAIN] * (np.arange(8) == 2), y[TRAIN])


def validated(model):
    return evaluate(model, X[VALIDATION], y[VALIDATION], n_resamples=10)


def compete(registry, **given):
    return registry.compete(X[ARENA], y[ARENA], **{"n_resamples": 200, **given})


def figure(model, name="average_precision"):
    score = model.predict_proba(X[ARENA])[:, 1]
    return snapshot_metrics(y[ARENA], score)[name]


def stages(registry):
    table = registry.records()
    return dict(zip(table["version"], table["stage"], strict=True))


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(tmp_path)


def with_champion(registry, champion, *others):
    registry.register(champion, validated(champion))
    registry.promote(1)
    for other in others:
        registry.register(other, validated(other))
    return registry


# -- the winner ----------------------------------------------------------------


@pytest.mark.parametrize("metric", ["average_precision", "brier"])
def test_a_better_model_wins(registry, metric):
    contest = compete(with_champion(registry, POOR, GOOD), metric=metric)
    assert (contest.champion, contest.winner, contest.promoted) == (1, 2, True)
    assert stages(registry) == {1: "development", 2: "production"}
    expected = {1: figure(POOR, metric), 2: figure(GOOD, metric)}
    assert contest.figures == pytest.approx(expected, abs=1e-12)
    sign = -1 if metric == "brier" else 1
    gain = sign * (figure(GOOD, metric) - figure(POOR, metric))
    assert contest.gains == {2: pytest.approx(gain)}
    low, high = contest.intervals[2]
    assert 0 < low < gain < high
    assert registry.rollback().version == 1


@pytest.mark.parametrize("metric", ["average_precision", "brier", "recall"])
@pytest.mark.parametrize("method", ["bootstrap", "plain"])
def test_nearly_equal_models_do_not_win(registry, metric, method):
    # with the same ranking and flags, and a Brier score that is a little worse
    near = LogisticRegression().fit(X[TRAIN], y[TRAIN])
    near.coef_ *= 1 + 1e-9
    near.intercept_ *= 1 + 1e-9
    with_champion(registry, GOOD, near)
    contest = compete(registry, metric=metric, method=method, min_gain=1e-6)
    assert (contest.winner, contest.promoted) == (1, False)
    assert contest.gains == {2: pytest.approx(0, abs=1e-6)}
    assert stages(registry) == {1: "production", 2: "development"}
    assert "not above 1e-06" in contest.why


def test_a_worse_model_does_not_win(registry):
    contest = compete(with_champion(registry, GOOD, POOR))
    assert (contest.winner, contest.promoted) == (1, False)


def test_lucky_candidate_wins_only_the_plain_contest(registry):
    near = LogisticRegression().fit(X[20:300], y[20:300])
    best, other = (near, GOOD) if figure(near) > figure(GOOD) else (GOOD, near)
    with_champion(registry, other, best)
    contest = compete(registry, method="plain", update_champion=False)
    assert (contest.winner, contest.promoted) == (2, False)
    assert np.isnan(contest.intervals[2]).all()
    contest = compete(registry)
    assert contest.intervals[2][0] < 0 < contest.gains[2]
    assert contest.winner == 1


def test_the_gain_must_be_large_enough(registry):
    with_champion(registry, POOR, GOOD)
    gain = figure(GOOD) - figure(POOR)
    contest = compete(registry, min_gain=gain, method="plain")
    assert contest.winner == 1
    assert compete(registry, min_gain=gain - 1e-9, method="plain").winner == 2


def test_without_a_champion_the_best_becomes_it(registry):
    for model in (POOR, GOOD):
        registry.register(model, validated(model))
    contest = compete(registry)
    assert (contest.champion, contest.winner, contest.promoted) == (None, 2, True)
    assert "no champion" in contest.why
    assert (contest.gains, contest.intervals) == ({}, {})
    assert stages(registry) == {1: "development", 2: "production"}


def test_champion_stays_on_request(registry):
    contest = compete(with_champion(registry, POOR, GOOD), update_champion=False)
    assert (contest.winner, contest.promoted) == (2, False)
    assert stages(registry) == {1: "production", 2: "staging"}


# -- the contestants -----------------------------------------------------------


def test_the_best_by_validation_take_part(registry):
    models = [
        LogisticRegression(C=C).fit(X[TRAIN], y[TRAIN]) for C in (1e-4, 1e-2, 1.0)
    ]
    with_champion(registry, POOR, *models)
    registry.register(numbered(1))
    contest = compete(registry, n_candidates=2)
    scores = [validated(one).metrics["average_precision"] for one in models]
    best = sorted((2, 3, 4), key=lambda version: -scores[version - 2])[:2]
    assert contest.candidates == tuple(best)
    assert contest.validation == {v: scores[v - 2] for v in best}
    assert contest.left_out == {5: "it was not validated"}
    assert contest.challenger in best
    others = {v: "development" for v in stages(registry) if v != contest.winner}
    assert stages(registry) == {**others, contest.winner: "production"}


def numbered(number, C=None):
    """Return a model whose file differs; with ``C`` it also predicts otherwise."""
    model = LogisticRegression(C=1.0 if C is None else C, max_iter=200 + number)
    return model.fit(X[TRAIN], y[TRAIN])


@pytest.mark.parametrize("metric", ["average_precision", "brier", "f1"])
def test_nobody_competes_with_a_twin(registry, metric):
    # three files of one model, one of which is the champion, and two of another
    models = [*(numbered(n) for n in range(3)), *(numbered(n, 1e-3) for n in range(2))]
    with_champion(registry, *models)
    contest = compete(registry, n_candidates=9, metric=metric)
    assert contest.candidates == (5,)
    assert contest.left_out == {
        2: "it predicts the same as version 1",
        3: "it predicts the same as version 1",
        4: "it predicts the same as version 5",
    }


def test_a_threshold_makes_a_challenger_only_where_flags_count(registry):
    with_champion(registry, GOOD)
    registry.retune_threshold(1, X[:100], y[:100], threshold=0.1)
    registry.reevaluate(X[VALIDATION], y[VALIDATION], 2, purpose="validation")
    with pytest.raises(NoChallengerError, match="2: it predicts the same as version 1"):
        compete(registry)
    assert compete(registry, metric="recall").candidates == (2,)


@given(
    tables=st.lists(st.lists(st.sampled_from("abc"), max_size=3), max_size=6),
)
def test_candidates_are_ranked_on_the_last_table_only(tables):
    figures = {
        table: dict(enumerate([3, 1, 2, 6, 4, 5], start=seed))
        for seed, table in enumerate("abc")
    }
    clock = count()
    validations = {
        version: [
            Headline(
                "validation",
                f"{next(clock):03}",
                table,
                {"brier": figures[table].get(version, 0.5)},
            )
            for table in of
        ]
        for version, of in enumerate(tables, start=1)
        if of
    }
    left_out = {}
    ranked = _rank(validations, "c", Rules("brier", 0.0, 0.95, "plain", 1, 0), left_out)
    # by brute force
    seen = {
        v for v, hs in validations.items() if any(h.data_fingerprint == "c" for h in hs)
    }
    others = [
        (h.evaluated_at, h.data_fingerprint)
        for v, hs in validations.items()
        if v not in seen
        for h in hs
    ]
    rows = max(others)[1] if others else None
    expected = {
        v: h.metrics["brier"]
        for v, hs in validations.items()
        if v not in seen
        for h in hs
        if h.data_fingerprint == rows
    }
    assert ranked == expected
    assert list(ranked) == sorted(expected, key=lambda v: (expected[v], -v))
    assert ranked.keys() | left_out.keys() == validations.keys()
    assert not ranked.keys() & left_out.keys()


def test_of_validations_in_the_same_second_the_last_one_counts():
    on = {
        rows: Headline("validation", "noon", rows, {"brier": brier})
        for rows, brier in {"b": 0.5, "a": 0.4}.items()
    }
    rules = Rules("brier", 0.0, 0.95, "plain", 1, 0)
    both, one = [on["b"], on["a"]], [on["b"]]
    assert _rank({1: both}, "c", rules, {}) == {1: 0.4}
    assert _rank({1: both, 2: one}, "c", rules, {}) == {2: 0.5, 1: 0.5}
    assert _rank({1: both, 2: both}, "c", rules, {}) == {2: 0.4, 1: 0.4}


def test_losers_leave_staging_and_a_rollback_brings_them_back(registry):
    with_champion(registry, POOR, *sorted((numbered(1, 1e-3), GOOD), key=figure)[::-1])
    registry.promote(3, "staging")
    assert compete(registry).winner == 2
    assert stages(registry) == {1: "development", 2: "production", 3: "development"}
    assert registry.rollback().version == 1
    assert stages(registry) == {1: "production", 2: "development", 3: "staging"}


def test_a_loss_is_better_when_it_is_smaller(registry):
    for model in (POOR, GOOD):
        registry.register(model, validated(model))
    contest = compete(registry, n_candidates=1, metric="log_loss")
    assert contest.candidates == (2,)


def test_rows_that_were_seen_do_not_count(registry):
    registry.register(POOR, validated(POOR))
    registry.register(GOOD, evaluate(GOOD, X[ARENA], y[ARENA], n_resamples=0))
    contest = compete(registry)
    assert contest.candidates == (1,)
    assert contest.left_out == {2: "it was validated on these rows"}


def test_rows_of_training_are_rejected(registry):
    registry.register(GOOD, validated(GOOD))
    record = registry.refit(1, X[ARENA], y[ARENA])
    registry.reevaluate(X[VALIDATION], y[VALIDATION], 2, purpose="validation")
    assert compete(registry, n_candidates=5).left_out == {
        2: "it was trained on these rows"
    }
    registry.promote(record.version)
    registry.register(POOR, validated(POOR))
    with pytest.raises(RegistryError, match="trained on these rows"):
        compete(registry)


@pytest.mark.parametrize("model", [None, GOOD])
def test_nobody_to_compete(registry, model):
    if model is not None:
        registry.register(model)
    says = "nothing is in development" if model is None else "1: it was not validated"
    with pytest.raises(RegistryError, match=says):
        compete(registry)


def test_rows_of_one_class_decide_nothing(registry):
    registry.register(GOOD, validated(GOOD))
    passing = X[ARENA][y[ARENA] == 0]
    with pytest.raises(RegistryError, match="average_precision is defined"):
        registry.compete(passing, np.zeros(len(passing), dtype=int), n_resamples=5)
    assert len(registry.history()) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"metric": "accurracy"},
        {"method": "t-test"},
        {"n_candidates": 0},
        {"confidence": 1.0},
        {"min_gain": -0.1},
        {"n_resamples": 0},
        {"random_state": None},
    ],
)
def test_bad_rules(registry, given):
    registry.register(GOOD, validated(GOOD))
    with pytest.raises((RegistryError, ValueError, TypeError), match=next(iter(given))):
        compete(registry, **given)
    assert stages(registry) == {1: "development"}


# -- the intervals -------------------------------------------------------------


def test_the_interval_is_that_of_a_paired_bootstrap_over_students(tmp_path):
    tables = [
        make_student_activity(50, fail_rate=0.4, random_state=seed) for seed in range(3)
    ]
    train, validation, arena = [(table, make_target(table)) for table in tables]
    registry = ModelRegistry(tmp_path)
    for learner in ("lightgbm", "xgboost"):
        model = make_risk_pipeline(learner, every=7).fit(*train)
        registry.register(model, evaluate(model, *validation, n_resamples=5))
    registry.promote(1)
    contest = registry.compete(*arena, n_resamples=100, random_state=7)
    events, outcome = arena
    first = ~events.assign(particion=events["particion"].fillna(0)).duplicated(
        ["user_uuid", "course_uuid", "particion"]
    )
    draws = [
        bootstrap_metrics(
            outcome[first],
            registry.load(version).predict_proba(events)[first, 1],
            events["user_uuid"][first],
            metrics=["average_precision"],
            n_resamples=100,
            random_state=7,
        )["average_precision"]
        for version in (1, 2)
    ]
    low, high = percentile_interval(draws[1] - draws[0])
    assert contest.intervals[2] == pytest.approx((low, high), abs=1e-12)
    assert contest.gains[2] == pytest.approx(contest.figures[2] - contest.figures[1])


def test_rows_of_a_plain_table_are_paired(registry):
    contest = compete(with_champion(registry, POOR, GOOD), n_resamples=100)
    draws = [
        bootstrap_metrics(
            y[ARENA],
            model.predict_proba(X[ARENA])[:, 1],
            np.arange(500),
            metrics=["average_precision"],
            n_resamples=100,
        )["average_precision"]
        for model in (POOR, GOOD)
    ]
    expected = percentile_interval(draws[1] - draws[0])
    assert contest.intervals[2] == pytest.approx(expected, abs=1e-12)


def test_many_candidates_widen_the_intervals(registry):
    with_champion(registry, POOR, GOOD)
    one = compete(registry, update_champion=False)
    for C in (0.9, 0.8, 0.7, 0.6):
        other = LogisticRegression(C=C).fit(X[TRAIN], y[TRAIN])
        registry.register(other, validated(other))
    many = compete(registry, n_candidates=4, update_champion=False)
    (alone,), together = one.intervals.values(), list(many.intervals.values())
    assert len(together) == 4
    for low, high in together:
        assert low < alone[0] < alone[1] < high


# -- the record ----------------------------------------------------------------


def test_figures_that_decided_are_not_shown_as_performance(registry):
    compete(with_champion(registry, POOR, GOOD))
    fresh = ModelRegistry(registry._store.home.root)
    for one in (registry, fresh):
        table = one.records()
        assert table["purpose"].tolist() == ["validation"] * 2
        expected = [validated(m).metrics["brier"] for m in (POOR, GOOD)]
        assert table["brier"].tolist() == expected
    for version in (1, 2):
        table = registry.evaluations(version)
        assert table["purpose"].tolist() == ["validation", "choosing"]
        assert table["fair"].tolist() == [True, False]


def test_rows_that_decided_stay_unfair(registry):
    compete(with_champion(registry, POOR, GOOD))
    with pytest.warns(UserWarning, match="not shown as its performance"):
        registry.reevaluate(X[ARENA], y[ARENA])
    assert registry.records().iloc[1]["purpose"] == "validation"
    table = registry.evaluations()
    assert table["purpose"].tolist() == ["validation", "choosing", "report"]
    assert table["fair"].tolist() == [True, False, False]


def test_a_report_from_before_the_contest_is_no_longer_shown(registry):
    with_champion(registry, POOR, GOOD)
    registry.reevaluate(X[ARENA], y[ARENA])
    assert registry.records().iloc[0]["purpose"] == "report"
    compete(registry)
    assert registry.records().iloc[0]["purpose"] == "validation"


def test_the_decision_is_in_the_history(registry):
    contest = compete(with_champion(registry, POOR, GOOD))
    last = registry.history().iloc[-1]
    assert (last["what"], last["why"], last["champion"]) == ("compete", contest.why, 2)
    assert last["detail"] == contest.to_dict()
    json.dumps(contest.to_dict(), allow_nan=False)


def test_a_plain_contest_has_no_intervals(registry):
    contest = compete(with_champion(registry, POOR, GOOD), method="plain")
    assert isinstance(contest, Contest)
    assert contest.to_dict()["intervals"] == {"2": [None, None]}
    assert repr(contest).startswith("Contest(metric='average_precision', champion=1")


def test_stages_that_changed_meanwhile_raise(registry):
    with_champion(registry, POOR, GOOD)

    original = registry._store.store_evaluation

    def promote_first(version, *rest):
        original(version, *rest)
        if version == 1:
            ModelRegistry(registry._store.home.root).promote(2)

    registry._store.store_evaluation = promote_first
    with pytest.raises(RegistryError, match="hold the contest again"):
        compete(registry)
    assert stages(registry) == {1: "development", 2: "production"}


def test_versions_registered_meanwhile_are_kept(registry):
    with_champion(registry, POOR, GOOD)
    original = registry._store.store_evaluation

    def register_another(version, *rest):
        original(version, *rest)
        other = LogisticRegression(C=0.1 * version).fit(X[TRAIN], y[TRAIN])
        ModelRegistry(registry._store.home.root).register(other)

    registry._store.store_evaluation = register_another
    assert compete(registry).promoted
    assert stages(registry)[3] == "development"


def test_a_constant_model_loses(registry):
    constant = DummyClassifier(strategy="prior").fit(X[TRAIN], y[TRAIN])
    contest = compete(with_champion(registry, constant, GOOD))
    assert contest.promoted
