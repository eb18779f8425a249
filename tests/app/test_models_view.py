"""The models page shows what the registry recorded, and compares like with like."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from edml.app._models_curves import make_curves, thin
from edml.app._models_names import METRICS
from edml.app._models_view import (
    describe_data,
    list_versions,
    pair_evaluations,
    read_interval,
)
from edml.app._words import Words
from edml.inspection import evaluate
from edml.registry import ModelRegistry
from evaluated_models import evaluation_of, held_out, make_evaluated_registry, model


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return make_evaluated_registry(tmp_path_factory.mktemp("registry"))


def test_the_metrics_are_those_of_an_evaluation():
    assert set(METRICS) == set(evaluation_of().metrics)


def test_the_champion_comes_first_and_then_the_newest(registry):
    versions = list_versions(registry.records())
    assert versions["version"].tolist() == [1, 3, 2]
    assert versions["champion"].tolist() == [True, False, False]
    assert versions["evaluated"].tolist() == [True, False, True]


def test_an_empty_registry_has_no_version(tmp_path):
    assert not len(list_versions(ModelRegistry(tmp_path).records()))


def test_differences_are_paired_on_common_rows(registry):
    pair = pair_evaluations(1, registry.evaluations(1), 2, registry.evaluations(2))
    assert (pair.first.version, pair.second.version, pair.reason) == (1, 2, "")
    expected = evaluation_of().compare(evaluation_of("random_forest"))
    pd.testing.assert_frame_equal(pair.differences, expected)


def test_the_latest_evaluations_on_common_rows_are_compared(tmp_path):
    registry = make_evaluated_registry(tmp_path)
    registry._store.store_evaluation(1, evaluation_of(side=6), "report")
    alone = pair_evaluations(1, registry.evaluations(1))
    assert alone.first.evaluation == evaluation_of(side=6)
    pair = pair_evaluations(1, registry.evaluations(1), 2, registry.evaluations(2))
    assert pair.first.evaluation == evaluation_of()
    assert pair.differences is not None


def test_what_cannot_be_compared_says_why(tmp_path):
    registry = make_evaluated_registry(tmp_path)
    mine = registry.evaluations(1)
    none = pair_evaluations(1, mine, 3, registry.evaluations(3))
    assert (none.second, none.reason) == (None, "not evaluated")
    registry.register(model(random_state=3), evaluation_of(random_state=3, side=6))
    other = pair_evaluations(1, mine, 4, registry.evaluations(4))
    assert (other.differences, other.reason) == (None, "other rows")
    early = replace(evaluation_of("random_forest"), resamples="")
    registry._store.store_evaluation(2, early, "report")
    pair = pair_evaluations(1, mine, 2, registry.evaluations(2))
    assert (pair.differences, pair.reason) == (None, "no resamples")


@pytest.mark.parametrize(
    ("intervals", "ends"),
    [
        ({"f1": [0.1, 0.2]}, (0.1, 0.2)),
        ({"f1": None}, (None, None)),
        (None, (None, None)),
    ],
)
def test_intervals_of_the_records(intervals, ends):
    assert read_interval(intervals, "f1") == ends


def test_contest_evaluations_are_never_shown(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model())
    registry._store.store_evaluation(1, evaluation_of(), "choosing")
    assert pair_evaluations(1, registry.evaluations(1)).first is None
    registry._store.store_evaluation(1, evaluation_of(), "report")  # on the same rows
    assert pair_evaluations(1, registry.evaluations(1)).first is None
    fair = evaluation_of(side=6)
    registry._store.store_evaluation(1, fair, "report")
    pair = pair_evaluations(1, registry.evaluations(1))
    assert pair.first.evaluation == fair
    assert (pair.first.purpose, pair.n_choosing) == ("report", 2)


def test_a_version_without_evaluation_has_none(registry):
    assert pair_evaluations(3, registry.evaluations(3)).first is None


def test_the_facts_name_data_and_split(registry):
    record, words = registry.record(1), Words("en")
    stored = pair_evaluations(1, registry.evaluations(1)).first
    facts = describe_data(record, stored, words)
    trained_on = "Rows it was trained on (SHA-256)"
    split_plan = "Split plan for calibration and threshold (hash)"
    evaluated_on = "Rows it was evaluated on: the test set (SHA-256)"
    assert facts[trained_on] == model().data_fingerprint_[:16]
    assert facts[split_plan] == model().deployable().split_plan_hash[:16]
    assert facts[evaluated_on] == evaluation_of().data_fingerprint[:16]
    assert facts["Folds of that plan, by student"] == "2"
    assert facts["Threshold rule"] == "f1"
    n_students = held_out()[0]["user_uuid"].nunique()
    assert facts["Test set: students"] == str(n_students)
    assert facts["Test set: courses"] == "3"
    assert facts["Test set: course days"] == "21"
    assert "Made from version" not in facts
    bare = describe_data(registry.record(3), None, words)
    assert evaluated_on not in bare
    assert trained_on in bare


def test_curves_are_the_stored_ones_and_their_captions_the_figures():
    evaluation = evaluation_of()
    curves = make_curves(evaluation)
    assert list(curves) == [
        *("roc", "precision_recall", "calibration", "earliness", "thresholds")
    ]
    assert curves["roc"].table.equals(evaluation.curves["roc"])
    assert curves["roc"].summary["area"] == evaluation.metrics["roc_auc"]
    assert curves["roc"].summary["tpr"] == pytest.approx(evaluation.metrics["recall"])
    share = curves["precision_recall"].summary["chance"]
    X, y = held_out()
    each = pd.DataFrame({"y": y, "student": X["user_uuid"], "course": X["course_uuid"]})
    each["day"] = X["particion"].fillna(0)
    snapshots = each.drop_duplicates(["student", "course", "day"])
    assert share == pytest.approx(snapshots["y"].mean())
    earliness = curves["earliness"]
    told = evaluation.by_partition.query("enough")
    assert earliness.table["roc_auc"].tolist() == told["roc_auc"].tolist()
    assert earliness.summary["at_last"] == told["roc_auc"].iloc[-1]
    assert earliness.summary["lead"] == evaluation.lead_time["median"]


def test_curves_of_one_class_on_a_plain_table_are_empty():
    plain = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    evaluation = evaluate(plain, [[0.2], [0.4]], [0, 0], n_resamples=0)
    curves = make_curves(evaluation)
    for name in ("roc", "precision_recall", "earliness"):
        assert not len(curves[name].table)
    assert np.isnan(curves["roc"].summary["area"])
    assert np.isnan(curves["earliness"].summary["lead"])


def test_a_text_table_keeps_both_ends():
    long = pd.DataFrame({"x": range(1000)})
    assert len(thin(long, 21)) == 21
    assert thin(long, 21)["x"].iloc[[0, -1]].tolist() == [0, 999]
    assert thin(long.head(3), 21)["x"].tolist() == [0, 1, 2]
