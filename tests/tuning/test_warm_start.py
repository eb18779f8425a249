"""warm_start: what is known already, evaluated first."""

from types import SimpleNamespace

import pytest
from lightgbm import LGBMClassifier
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edml import ModelRegistry, RiskClassifier, make_risk_pipeline
from edml.tuning import ModelTuner

POINT = {
    "learning_rate": 0.123,
    "num_leaves": 9,
    "min_child_samples": 11,
    "subsample": 0.66,
    "colsample_bytree": 0.44,
    "reg_lambda": 2.5,
}
LOGIT = ("logit", LogisticRegression(), {"C": (0.001, 10.0, "log-uniform")})


def tune(table, warm_start, *algorithms, **given):
    settings = {"n_iter": 2, "cv": 2, "n_candidates": 1, "random_state": 0} | given
    algorithms = list(algorithms) or ["lightgbm", "xgboost"]
    return ModelTuner(algorithms, warm_start=warm_start, **settings).fit(*table)


def first(tuner, number=0):
    return tuner.history_["params"][number]


def as_point(params):
    return {
        name.removeprefix("classify__"): value
        for name, value in params.items()
        if name.removeprefix("classify__") in POINT
    }


@pytest.fixture(scope="module")
def pipeline():
    pipe = make_risk_pipeline("lightgbm", balance="over", every=5)
    return pipe.set_params(**{f"classify__{k}": v for k, v in POINT.items()})


def assert_is_first(tuner, **given):
    found = first(tuner)
    assert found["algorithm"] == "lightgbm"
    assert as_point(found) == POINT
    for name, value in given.items():
        assert found[name] == value


# -- every form -----------------------------------------------------------------


@pytest.mark.parametrize(
    "form", ["pipeline", "unfitted model", "fitted model", "tuner", "list", "tuple"]
)
def test_of_a_whole_pipeline(events, pipeline, form):
    given = {
        "pipeline": lambda: pipeline,
        "unfitted model": lambda: RiskClassifier(pipeline),
        "fitted model": lambda: RiskClassifier(pipeline, cv=2).fit(*events),
        "tuner": lambda: tune(events, pipeline, "lightgbm", n_iter=1, balance=["over"]),
        "list": lambda: [pipeline],
        "tuple": lambda: (pipeline,),
    }[form]()
    found = tune(events, given)
    assert_is_first(found, balance="over", snapshots__every=5)
    assert found.history_["status"][0] == "evaluated"


def test_of_a_deployed_model(events, pipeline):
    # which has no sampler any more, and so shows neither balance nor days
    model = RiskClassifier(pipeline, cv=2).fit(*events).deployable()
    assert_is_first(tune(events, model))


def test_of_a_bare_classifier(plain):
    assert_is_first(tune(plain, LGBMClassifier(**POINT)))


def test_of_a_candidate(plain):
    before = tune(plain, None, n_iter=6, n_candidates=3)
    for index, model in zip(before.candidate_indices_, before.candidates_, strict=True):
        found = tune(plain, model, n_iter=1)
        assert first(found) == before.history_["params"][index]
        assert found.best_score_ == before.history_["score"][index]


@pytest.mark.parametrize("n_trees", [7, pytest.param(1200, marks=pytest.mark.slow)])
def test_number_of_trees_outside_the_space_is_kept(plain, n_trees):
    given = LGBMClassifier(n_estimators=n_trees, **POINT)
    model = tune(plain, given, n_iter=1).best_estimator_
    assert model.pipeline_[-1].n_estimators == n_trees


@pytest.mark.parametrize("n_trees", [7, pytest.param(123, marks=pytest.mark.slow)])
def test_any_number_of_trees_of_a_forest(n_trees):
    table = make_classification(240, 6, weights=[0.8], random_state=0)
    given = RandomForestClassifier(n_estimators=n_trees, min_samples_leaf=20)
    found = tune(table, given, "random_forest", n_iter=1)
    assert found.history_["status"].tolist() == ["evaluated"]
    assert found.best_estimator_.pipeline_[-1].n_estimators == n_trees


def test_all_candidates_of_another_search_are_tried(plain):
    before = tune(plain, None, "lightgbm", n_iter=6, n_candidates=3)
    again = tune(plain, before.candidates_, "lightgbm", n_iter=3)
    for number, index in enumerate(before.candidate_indices_):
        assert first(again, number) == before.history_["params"][index]


def test_of_best_params(plain):
    before = tune(plain, None, n_iter=6)
    found = tune(plain, before.best_params_, n_iter=1)
    assert found.best_params_ == before.best_params_
    assert found.best_score_ == before.best_score_


@pytest.mark.parametrize(
    ("algorithm", "parameter"),
    [("lightgbm", "class_weight"), ("xgboost", "scale_pos_weight")],
)
def test_of_a_weighted_model(plain, algorithm, parameter):
    before = tune(plain, None, algorithm, n_iter=1, balance=["weight"])
    found = tune(plain, before.best_estimator_, algorithm, n_iter=1)
    weight = before.best_params_[f"classify__{parameter}"]
    assert weight == "balanced" or weight > 1
    assert first(found)["balance"] is None
    assert first(found)[f"classify__{parameter}"] == weight
    assert found.best_score_ == before.best_score_


def test_of_the_default_model(plain):
    # RiskClassifier() is the pipeline of make_risk_pipeline(), which is LightGBM's
    found = first(tune(plain, RiskClassifier()))
    expected = make_risk_pipeline()[-1].get_params()
    assert found["algorithm"] == "lightgbm"
    assert as_point(found) == {name: expected[name] for name in POINT}


def test_of_a_registrys_record(tmp_path, events, pipeline):
    registry = ModelRegistry(tmp_path)
    record = registry.register(RiskClassifier(pipeline, cv=2).fit(*events))
    assert_is_first(tune(events, record))
    assert_is_first(tune(events, registry.load(1)))
    assert_is_first(tune(events, registry.record(1)))


def test_of_any_object_with_the_two_attributes(plain):
    record = SimpleNamespace(algorithm="XGBClassifier", parameters={"max_depth": 7})
    found = first(tune(plain, record))
    assert found["algorithm"] == "xgboost"
    assert found["classify__max_depth"] == 7


@pytest.mark.parametrize("prefix", ["", "classify__"])
@pytest.mark.parametrize("named", [True, False])
def test_of_a_mapping(plain, prefix, named):
    given = {prefix + name: value for name, value in POINT.items()}
    if named:
        given["algorithm"] = "lightgbm"
    before = dict(given)
    assert_is_first(tune(plain, given))
    assert given == before


def test_of_a_part_of_the_parameters(plain):
    usual = first(tune(plain, None, "lightgbm", n_iter=1))
    found = first(tune(plain, {"num_leaves": 9}, n_iter=1))
    assert found == usual | {"classify__num_leaves": 9}


def test_of_values_outside_the_space(plain):
    found = tune(plain, {"algorithm": "lightgbm", "num_leaves": 200}, n_iter=3)
    assert first(found)["classify__num_leaves"] == 200
    assert (found.history_["status"] == "evaluated").all()


def test_several_are_evaluated_in_order_and_once(plain):
    given = [
        {"algorithm": "xgboost", "max_depth": 8},
        {"algorithm": "lightgbm", "num_leaves": 9},
        {"algorithm": "xgboost", "max_depth": 8},
        {"algorithm": "lightgbm", "num_leaves": 17},
    ]
    history = tune(plain, given, n_iter=4).history_
    assert history["algorithm"].tolist()[:3] == ["xgboost", "lightgbm", "lightgbm"]
    assert history["params"][2]["classify__num_leaves"] == 17
    points = [str(params) for params in history["params"]]
    assert len(set(points)) == 4


def test_more_points_than_evaluations(plain):
    given = [{"num_leaves": leaves} for leaves in (5, 6, 7)]
    found = tune(plain, given, "lightgbm", n_iter=2)
    assert [p["classify__num_leaves"] for p in found.history_["params"]] == [5, 6]


@pytest.mark.parametrize("empty", [None, [], ()])
def test_without_warm_start(plain, empty):
    assert len(tune(plain, empty, "lightgbm", n_iter=1).history_) == 1


# -- a user's own algorithm -----------------------------------------------------


@pytest.mark.parametrize("form", ["mapping", "best_params_", "candidate", "model"])
def test_of_a_users_algorithm(plain, form):
    before = tune(plain, None, LOGIT, n_iter=3)
    given = {
        "mapping": {"C": before.best_params_["C"]},
        "best_params_": before.best_params_,
        "candidate": before.best_estimator_,
        "model": LogisticRegression(C=before.best_params_["C"]),
    }[form]
    found = tune(plain, given, LOGIT, n_iter=1)
    assert found.best_params_ == before.best_params_
    assert found.best_score_ == before.best_score_


def test_of_a_users_pipeline(plain):
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    algorithm = ("scaled", scaled, {"logisticregression__C": (0.1, 1.0)})
    before = tune(plain, None, algorithm, n_iter=3)
    found = tune(plain, before.best_estimator_, algorithm, n_iter=1)
    assert found.best_params_ == before.best_params_


# -- wrong ones -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "warm_start must be a model"),
        ("lightgbm", "warm_start must be a model"),
        ({"algorithm": "catboost"}, r"'catboost'.*Add it to algorithms"),
        ({"algorithm": "random_forest"}, r"'random_forest'.*Add it to algorithms"),
        (LogisticRegression(), "Add it to algorithms"),
        ({}, "Name one as 'algorithm'"),
        ({"subsample": 0.5}, "Name one as 'algorithm'"),
        ({"num_leavs": 5}, "num_leavs"),
        ({"algorithm": "lightgbm", "num_leavs": 5}, "num_leavs"),
        ([{"num_leaves": 5}, {"nonsense": 1}], "nonsense"),
    ],
    ids=str,
)
def test_invalid_warm_start_raises_before_any_fit(plain, monkeypatch, given, message):
    fits = []
    monkeypatch.setattr("lightgbm.LGBMClassifier.fit", lambda *args: fits.append(args))
    with pytest.raises(ValueError, match=message):
        tune(plain, given)
    assert not fits


def test_a_users_point_must_be_whole(plain):
    space = {"C": (0.1, 1.0), "tol": (1e-4, 1e-2)}
    algorithm = ("logit", LogisticRegression(), space)
    with pytest.raises(ValueError, match=r"lacks \['tol'\]"):
        tune(plain, {"C": 0.5}, algorithm)
