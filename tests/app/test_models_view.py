"""The models page shows what the registry recorded, and compares like with like."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from edml.app._models_curves import make_curves, thin
from edml.app._models_names import METRICS
from edml.app._models_view import (
    compare,
    latest_evaluation,
    list_versions,
    provenance,
    version_history,
)
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


def test_the_difference_is_from_the_mean_on_the_same_rows(tmp_path):
    registry = make_evaluated_registry(tmp_path)
    other = evaluation_of(random_state=3, side=6)  # rows of no other evaluation
    registry.register(model(random_state=3), other)
    mine = evaluation_of()
    found = compare(registry.records(), 1, mine)
    assert (found.n_others, found.same_rows, found.n_left_out) == (1, True, 1)
    theirs = evaluation_of("random_forest").metrics
    for figure in found.metrics:
        assert figure.value == mine.metrics[figure.name]
        assert (figure.low, figure.high) == mine.intervals[figure.name]
        expected = mine.metrics[figure.name] - theirs[figure.name]
        assert figure.difference == pytest.approx(expected)
    alone = compare(registry.records(), 4, other)
    assert (alone.n_others, alone.same_rows, alone.n_left_out) == (2, False, 0)
    mean = (mine.metrics["brier"] + theirs["brier"]) / 2
    brier = {one.name: one for one in alone.metrics}["brier"]
    assert brier.others == pytest.approx(mean)


def test_less_is_better_of_errors():
    records = pd.DataFrame(
        {"version": [1, 2], "evaluated_at": pd.to_datetime("2026"), "evaluated_on": ""}
    )
    for name in METRICS:
        records[name] = 0.99  # of the other version; any finite error is better
    comparison = compare(records, 1, evaluation_of())
    told = {figure.name: figure.better for figure in comparison.metrics}
    assert told["brier"] is True
    assert told["roc_auc"] is False
    equal = records.assign(**evaluation_of().metrics)
    assert {one.better for one in compare(equal, 1, evaluation_of()).metrics} == {None}


def test_without_others_there_is_no_difference(registry):
    records = registry.records().query("version == 1")
    comparison = compare(records, 1, evaluation_of())
    assert comparison.n_others == 0
    assert all(np.isnan(figure.difference) for figure in comparison.metrics)
    assert all(figure.better is None for figure in comparison.metrics)


def test_contest_evaluations_are_never_shown(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model())
    registry._store.store_evaluation(1, evaluation_of(), "choosing")
    assert latest_evaluation(registry.evaluations(1)) is None
    registry._store.store_evaluation(1, evaluation_of(), "report")  # on the same rows
    assert latest_evaluation(registry.evaluations(1)) is None
    fair = evaluation_of(side=6)
    registry._store.store_evaluation(1, fair, "report")
    latest = latest_evaluation(registry.evaluations(1))
    assert latest.evaluation == fair
    assert (latest.purpose, latest.n_choosing) == ("report", 2)


def test_a_version_without_evaluation_has_none(registry):
    assert latest_evaluation(registry.evaluations(3)) is None


def test_history_is_that_of_the_version_newest_first(registry):
    changes = version_history(registry.history(), 2)
    moves = changes[["what", "was", "now"]].to_numpy().tolist()
    assert moves == [
        ["promote", "production", "development"],
        ["promote", "development", "production"],
        ["register", "new", "development"],
    ]
    assert changes["why"].tolist() == ["it is better", "the first one", ""]
    assert set(changes["who"]) == {"ada"}


def test_provenance_names_data_and_split(registry):
    record = registry.record(1)
    latest = latest_evaluation(registry.evaluations(1))
    facts = provenance(record, latest)
    assert facts["trained_on"] == model().data_fingerprint_
    assert facts["split_plan"] == model().deployable().split_plan_hash
    assert facts["judged_on"] == evaluation_of().data_fingerprint
    assert facts["folds"] == "2"
    assert facts["threshold_rule"] == "f1"
    assert facts["n_students"] == held_out()[0]["user_uuid"].nunique()
    assert facts["n_courses"] == 3
    assert facts["n_partitions"] == 21
    assert "parent" not in facts
    bare = provenance(registry.record(3), None)
    assert "judged_on" not in bare
    assert "trained_on" in bare


def test_curves_are_the_stored_ones_and_their_captions_the_figures():
    evaluation = evaluation_of()
    curves = make_curves(evaluation)
    assert list(curves) == ["roc", "precision_recall", "calibration", "earliness"]
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
