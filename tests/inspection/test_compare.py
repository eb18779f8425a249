"""compare_models: the same folds, snapshots and resamples for all models."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from edml import StudentKFold, load_activity, make_risk_pipeline
from edml.exceptions import SplitError
from edml.inspection import compare_models
from edml.metrics import bootstrap_metrics, percentile_interval
from edml.model_selection import PeriodSplit

KEYS = ["user_uuid", "course_uuid", "particion"]


@pytest.fixture(scope="module")
def data():
    return load_activity(return_X_y=True)


@pytest.fixture(scope="module")
def models():
    def make(features):
        tree = DecisionTreeClassifier(max_depth=4, random_state=0)
        return make_risk_pipeline(tree, features=features, every=10)

    return {"44": make("classic"), "and progress": make("progress")}


def test_against_cross_val_predict(data, models):
    X, y = data
    cv = StudentKFold(3, random_state=1)
    table = compare_models(models, X, y, cv=cv, n_resamples=50)
    first = ~X.assign(particion=X["particion"].fillna(0)).duplicated(KEYS).to_numpy()
    draws = {}
    for name, model in models.items():
        prob = cross_val_predict(model, X, y, cv=cv, method="predict_proba")[first, 1]
        row = table.loc[name]
        assert row["roc_auc"] == pytest.approx(roc_auc_score(y[first], prob))
        assert row["brier"] == pytest.approx(brier_score_loss(y[first], prob))
        draws[name] = bootstrap_metrics(
            y[first], prob, X.loc[first, "user_uuid"], n_resamples=50
        )
    gain = draws["44"]["brier"] - draws["and progress"]["brier"]  # less is better
    ends = table.loc["and progress", ["brier_gain_low", "brier_gain_high"]]
    np.testing.assert_allclose(ends, percentile_interval(gain, 0.95))
    assert (table.loc["44"].filter(like="gain") == 0).all()
    assert table["n_snapshots"].tolist() == [first.sum()] * 2
    assert table["n_students"].tolist() == [X["user_uuid"].nunique()] * 2


def test_days_are_evaluated_by_themselves(data, models):
    X, y = data
    how = {"cv": 2, "n_resamples": 20, "metrics": "roc_auc"}
    table = compare_models(models, X, y, days=[10, 30], **how)
    assert table.index.tolist() == [(day, name) for day in (10, 30) for name in models]
    assert table.index.names == ["day", "model"]
    on_day = X[X["particion"] == 30].drop_duplicates(KEYS)
    assert table.loc[30, "n_snapshots"].tolist() == [len(on_day)] * 2
    with pytest.raises(ValueError, match="X has no snapshot of day 999"):
        compare_models(models, X, y, days=[999], **how)


def test_columns_can_be_hidden_from_a_model(data, models):
    X, y = data
    noise = X.assign(activity_clicks=y * 5)  # gives the outcome away
    full = make_risk_pipeline(
        DecisionTreeClassifier(max_depth=4, random_state=0), features="full", every=10
    )
    noise["activity_forum"] = 0
    table = compare_models(
        {"without": full, "with": full},
        *(noise, y),
        hide={"without": ["activity_clicks"]},
        cv=2,
        n_resamples=20,
    )
    assert table.loc["with", "roc_auc"] > 0.99 > table.loc["without", "roc_auc"]


def test_only_the_test_side_of_periods_is_evaluated(data, models):
    X, y = data
    table = compare_models(models, X, y, cv=PeriodSplit(), n_resamples=20)
    (_, test), *_ = PeriodSplit().split(X, y)
    rows = X.iloc[test].assign(particion=X["particion"].fillna(0))
    assert table["n_snapshots"].tolist() == [len(rows.drop_duplicates(KEYS))] * 2


def test_rejects_what_compares_nothing(data, models):
    X, y = data
    with pytest.raises(ValueError, match="two or more to compare; found 1"):
        compare_models({"44": models["44"]}, X, y)
    with pytest.raises(ValueError, match=r"hide has \['clicks', 'old'\]"):
        compare_models(models, X, y, hide={"44": ["clicks"], "old": ["score"]})
    twice = [(np.arange(100), np.arange(100, 200))] * 2
    with pytest.raises(SplitError, match="rows more than once"):
        compare_models(models, X, y, cv=twice)
    with pytest.raises(SplitError, match="hold one class"):
        compare_models(models, X, y * 0)
