"""New events evaluate the models; models that learn from them use other rows."""

import json
from pathlib import Path

import pandas as pd
import pytest

from edml import evaluate
from edml.cli._config import ConfigError
from edml.cli._files import read_file
from edml.cli._settings import Config
from edml.cli._sides import divide, join, with_outcome
from edml.cli._update import update
from edml.exceptions import RegistryError
from edml.explanation import explain
from edml.registry import ModelRegistry
from edml.schema import resolve_columns


@pytest.fixture
def registry(with_champion):
    return ModelRegistry("registry", who="ada")


def sides_of(name, config=None):
    config = config or Config()
    X = read_file(Path(name), resolve_columns(None))
    return divide(with_outcome(X, config)[0], config)


def run(registry, name="later.csv", **settings):
    config = Config.model_validate({"update": {"importance": False, **settings}})
    return update(Path(name), config, registry)


# -- evaluation ---------------------------------------------------------------


def test_all_are_evaluated_on_new_students_outside_the_contest(registry):
    result = run(registry)
    sides = sides_of("later.csv")
    shown = join(sides.train, sides.test)  # nothing is learned, so more rows evaluate
    assert not set(shown.X["user_uuid"]) & set(sides.contest.X["user_uuid"])
    for version, purpose in ((1, "report"), (2, "validation")):
        rows = registry.evaluations(version)
        assert rows["purpose"].tolist() == ["validation", purpose, "choosing"]
        assert rows["fair"].tolist() == [True, True, False]
        model = registry.load(version)
        for number, side in ((1, shown), (2, sides.contest)):
            expected = evaluate(model, *side, n_resamples=0)
            assert rows["evaluation"][number].metrics == expected.metrics
        told = next(one for one in result["evaluations"] if one["version"] == version)
        assert told["metrics"] == rows["evaluation"][1].metrics
    assert result["contest"]["champion"] == 1
    assert result["contest"]["candidates"] == [2]
    assert result["champion"] == registry.record("production").version
    assert result["tuned_on_this_file"] == []


def test_losers_compete_again(registry):
    registry.promote(2, "staging")
    run(registry, min_gain=1.0)
    assert registry.record(2).stage == "development"
    result = run(registry, min_gain=1.0)
    assert result["contest"]["candidates"] == [2]
    assert result["champion"] == 1


@pytest.mark.slow
def test_update_without_promotion_promotes_nobody(tuned):
    registry = ModelRegistry("registry")
    result = run(registry, promote=False)
    assert result["champion"] is None
    assert result["contest"]["promoted"] is False
    assert run(registry)["champion"] in (1, 2)


@pytest.mark.slow
def test_the_metric_and_the_number_of_candidates(registry, later_events, stand_in):
    other = Config.model_validate({"data": {"random_state": 1}})
    sides = sides_of("events.csv", other)
    for model in stand_in(("lightgbm", "xgboost")).fit(*sides.train).candidates_:
        registry.register(model, evaluate(model, *sides.test, n_resamples=5))
    result = run(registry, candidates=2, metric="brier", min_gain=1.0)
    figures = {
        one["version"]: one["metrics"]["brier"]
        for one in result["evaluations"]
        if one["version"] != 1
    }
    best = sorted(figures, key=lambda version: (figures[version], -version))[:2]
    assert result["contest"]["metric"] == "brier"
    assert sorted(result["contest"]["candidates"]) == sorted(best)


# -- the file that models were tuned on ---------------------------------------


def test_same_file_uses_only_contest_students(tuned):
    registry = ModelRegistry("registry")
    result = run(registry, "events.csv")
    assert result["tuned_on_this_file"] == [1, 2]
    assert result["evaluations"] == []
    assert result["champion"] == result["contest"]["winner"]
    model = registry.load(result["champion"])
    contest = sides_of("events.csv").contest
    figure = evaluate(model, *contest, n_resamples=0).metrics["average_precision"]
    assert result["contest"]["figures"][str(result["champion"])] == figure
    # the reported figures are those of the test students
    assert registry.records("production")["purpose"].tolist() == ["validation"]


@pytest.mark.parametrize("name", ["refit", "retune"])
def test_same_file_is_not_trained_on(registry, name):
    with pytest.raises(ConfigError, match=f"update.{name} needs events of other"):
        run(registry, "events.csv", **{name: True})
    assert len(registry.records()) == 2


def test_rows_that_a_model_was_trained_on_whole(registry, stand_in, events):
    X = read_file(Path("later.csv"), resolve_columns(None))
    whole = with_outcome(X, Config())[0]
    registry.register(stand_in().fit(*whole).candidates_[0])
    with pytest.raises(RegistryError, match="version 3 was trained on all of these"):
        run(registry)


# -- refit and retune ---------------------------------------------------------


def test_refit_learns_only_from_the_first_side(registry, stand_in):
    result = run(registry, refit=True, min_gain=1.0)
    assert result["refitted"] == {"1": 3, "2": 4}
    sides = sides_of("later.csv")
    expected = stand_in().fit(*sides.train).candidates_[0]
    X = sides.test.X
    new = registry.load(3)
    assert (new.predict_proba(X) == expected.predict_proba(X)).all()
    assert registry.record(3).parent == 1
    assert set(result["contest"]["candidates"]) == {2, 3, 4}
    for version in (1, 2, 3, 4):
        table = registry.evaluations(version)
        on_test = evaluate(registry.load(version), *sides.test, n_resamples=0)
        evaluated = [one.metrics for one in table["evaluation"]]
        assert on_test.metrics in evaluated


def test_new_threshold_keeps_the_probabilities(registry):
    result = run(registry, retune=True, threshold="recall>=0.9", min_gain=1.0)
    assert result["retuned"] == {"1": 3, "2": 4}
    # no model beats the champion, which now has its new threshold
    assert result["contest"]["winner"] == 1
    assert result["champion"] == 3
    old, new = registry.load(1), registry.load(3)
    X = sides_of("later.csv").test.X
    assert (old.predict_proba(X) == new.predict_proba(X)).all()
    assert old.threshold_ != new.threshold_
    train = sides_of("later.csv").train
    flagged = evaluate(new, *train, n_resamples=0).metrics["recall"]
    assert flagged >= 0.9
    assert registry.history()["why"].iloc[-1].startswith("version 1 with a threshold")


@pytest.mark.slow
def test_new_thresholds_are_not_promoted_unless_asked(registry):
    result = run(registry, retune=True, promote=False)
    assert result["champion"] == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Asked to flag:UserWarning")
def test_capacity_as_the_rule(registry):
    result = run(registry, retune=True, threshold={"per_course": 2}, min_gain=1.0)
    rule = registry.record(result["champion"]).training["threshold"]
    assert "2" in str(rule)


@pytest.mark.filterwarnings("default:Asked to flag:UserWarning")
def test_a_warning_is_a_line_on_stderr(registry, edml):
    options = ["--retune", "--set", "update.threshold={per_course = 1000}", "--json"]
    result = edml("update", "later.csv", *options)
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert any(line.startswith("Note: Asked to flag 1000 students") for line in lines)
    assert ".py:" not in result.stderr


@pytest.mark.slow
def test_a_model_that_cannot_be_refitted_is_noted(registry, monkeypatch, capsys):
    original = ModelRegistry.refit

    def refit(self, version, *rest):
        if version == 1:
            raise RegistryError("It holds a splitter of your own.")
        return original(self, version, *rest)

    monkeypatch.setattr(ModelRegistry, "refit", refit)
    assert run(registry, refit=True)["refitted"] == {"2": 3}
    assert "Version 1 is not refitted. It holds a" in capsys.readouterr().err


# -- importances --------------------------------------------------------------


def test_importances_are_those_of_the_new_students(registry):
    result = run(registry, importance=True, min_gain=1.0)
    assert result["importance"] == "importance.csv"
    table = pd.read_csv("importance.csv")
    assert list(table) == ["version", "feature", "importance", "scale"]
    assert table.groupby("version").size().to_dict() == {1: 44, 2: 44}
    for _, of_version in table.groupby("version"):
        assert of_version["importance"].is_monotonic_decreasing
    sides = sides_of("later.csv")
    X = join(sides.train, sides.test).X
    every = explain(registry.load(1), X, progress=False).importance()
    ours = table[table["version"] == 1].set_index("feature")["importance"]
    assert ours.corr(every, method="spearman") > 0.8  # these importances use 300 rows


# -- the command --------------------------------------------------------------


def test_for_machines(registry, edml):
    result = edml("update", "later.csv", "--json", "--set", "update.importance=false")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert {one["version"] for one in shown["evaluations"]} == {1, 2}
    assert shown["champion"] == ModelRegistry("registry").record("production").version


@pytest.mark.slow
def test_on_a_terminal(registry, edml):
    result = edml("update", "later.csv", "--refit", "--retune", "--no-promote")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    for words in ("Refitted version 1: it is version 3.", "Champion: 1.", "contest:"):
        assert words in " ".join(result.stdout.split())
    assert "Holding the contest" in result.stderr


def test_events_come_from_the_settings(registry, edml, assert_fails):
    assert_fails(edml("update"), "found none", "paths.new", code=2)
    result = edml("update", EDML_PATHS_NEW="later.csv", EDML_UPDATE_IMPORTANCE="false")
    assert result.exit_code == 0, result.output


def test_invalid_input_raises(project, edml, assert_fails):
    assert_fails(edml("update", "later.csv"), "registered model", "edml tune")
    assert not (project / "registry").exists()


def test_nobody_but_the_champion(with_champion, edml):
    registry = ModelRegistry("registry")
    registry.promote(2, "staging")
    registry.demote(2)
    registry.clean(keep_last=0)
    assert registry.records()["version"].tolist() == [1]
    result = edml("update", "later.csv", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["contest"] is None
    assert "No contest." in result.stderr


def test_a_contest_without_a_challenger_is_reported(registry, capsys):
    registry._store.remove_versions(lambda state: [2])
    # the threshold does not change the ranking: the champion's twin
    result = run(registry, retune=True, threshold=0.25)
    assert result["contest"] is None
    assert (result["retuned"], result["champion"]) == ({"1": 3}, 3)
    assert "predicts the same as version 1" in " ".join(capsys.readouterr().err.split())


def test_the_plain_method_decides_by_the_gain(registry):
    contest = run(registry, method="plain")["contest"]
    assert contest["method"] == "plain"
    gain = contest["gains"]["2"]
    assert contest["winner"] == (2 if gain > 0 else 1)


@pytest.mark.slow
def test_old_versions_are_removed_as_configured(registry, edml):
    run(registry, refit=True, min_gain=1.0)
    assert registry.records()["version"].tolist() == [1, 2, 3, 4]
    result = run(registry, keep=1, min_gain=1.0)
    assert result["removed"] == [2, 3]
    assert registry.records()["version"].tolist() == [1, 4]
    options = ("--set", "update.keep=0", "--set", "update.min_gain=1")
    shown = edml("update", "later.csv", "--set", "update.importance=false", *options)
    assert "Removed, by update.keep: version 4." in shown.stdout
    assert registry.records()["version"].tolist() == [1]


def test_versions_that_were_validated_elsewhere_are_validated_on_this_file(registry):
    run(registry, min_gain=1.0)  # the last validation is on later.csv
    result = run(registry, "events.csv", min_gain=1.0)
    rows = sides_of("events.csv").test.fingerprint()
    last = registry.evaluations(2).iloc[-2:]
    assert last["purpose"].tolist() == ["validation", "choosing"]
    assert last["data_fingerprint"].iloc[0] == rows
    figure = last["average_precision"].iloc[0]
    assert result["contest"]["validation"] == {"2": figure}
