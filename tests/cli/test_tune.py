"""The search sees only the training students; the others evaluate its models."""

import json

import pandas as pd
import pytest

from edml import Capacity, evaluate
from edml.cli import _tune
from edml.cli._config import ConfigError
from edml.cli._settings import Config
from edml.cli._sides import divide, with_outcome
from edml.exceptions import SplitError, TableError
from edml.registry import ModelRegistry


def students_of(side):
    return set(side.X["user_uuid"])


@pytest.fixture
def use(monkeypatch, stand_in):
    """Replace the command's search with a stand-in."""

    def use(tuner=None):
        tuner = tuner or stand_in()
        monkeypatch.setattr(_tune, "make_tuner", lambda config: tuner)
        return tuner

    return use


# -- the sides ----------------------------------------------------------------


def test_no_student_is_on_two_sides(events):
    side, n_left_out = with_outcome(events, Config())
    sides = divide(side, Config())
    ids = [students_of(one) for one in sides]
    assert n_left_out == 0
    assert set.union(*ids) == set(events["user_uuid"])
    assert sum(map(len, ids)) == events["user_uuid"].nunique()
    assert sides.count_students(Config()) == dict(
        zip(("train", "test", "contest"), map(len, ids), strict=True)
    )
    n_students = events["user_uuid"].nunique()
    for one in sides[1:]:
        assert abs(len(students_of(one)) - 0.2 * n_students) <= 1
        assert set(one.y) == {0, 1}


def test_sides_depend_on_the_seed_and_not_on_the_rows(events):
    shuffled = events.sample(frac=1, random_state=0)
    sides = [divide(with_outcome(X, Config())[0], Config()) for X in (events, shuffled)]
    for one, other in zip(*sides, strict=True):
        assert students_of(one) == students_of(other)
        assert one.fingerprint() == other.fingerprint()
    config = Config.model_validate({"data": {"random_state": 1}})
    other = divide(with_outcome(events, config)[0], config)
    assert students_of(other.test) != students_of(sides[0].test)


def test_courses_that_run_are_left_out(events):
    running = events["course_uuid"] == events["course_uuid"].iloc[0]
    X = events.assign(nota_final_materia=events["nota_final_materia"].mask(running))
    side, n_left_out = with_outcome(X, Config())
    assert n_left_out == running.sum()
    assert len(side.X) == len(side.y) == (~running).sum()
    with pytest.raises(TableError, match=r"null in all .* courses are still running"):
        with_outcome(X[running], Config())


def test_too_few_students(events):
    few = events[events["user_uuid"].isin(events["user_uuid"].unique()[:3])]
    with pytest.raises(SplitError, match="needs two classes"):
        divide(with_outcome(few, Config())[0], Config())


# -- the search ---------------------------------------------------------------


def test_candidates_are_registered_with_figures_of_unseen_students(
    project, edml, events, use
):
    tuner = use()
    result = edml("tune", "events.csv", "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    sides = divide(with_outcome(events, Config())[0], Config())
    assert set(tuner.seen["user_uuid"]) == students_of(sides.train)
    registry = ModelRegistry("registry")
    assert registry.records()["version"].tolist() == [1, 2]
    assert [one["version"] for one in shown["versions"]] == [1, 2]
    for number, model in enumerate(tuner.candidates_, start=1):
        (row,) = registry.evaluations(number).to_dict("records")
        expected = evaluate(model, *sides.test, n_resamples=0)
        # from a file: ids of other types, hence another fingerprint
        assert row["evaluation"].metrics == expected.metrics
        assert row["purpose"] == "validation"
        figures = shown["versions"][number - 1]
        assert figures["metrics"]["roc_auc"] == expected.metrics["roc_auc"]
        assert figures["algorithm"] == registry.record(number).algorithm
    assert shown["students"] == sides.count_students(Config())
    assert shown["n_evaluations"] == 2
    assert shown["interrupted"] is False


def test_the_search_begins_with_the_champion(tuned, edml, use):
    registry = ModelRegistry("registry")
    tuner = use()
    edml("tune", "events.csv")
    assert tuner.warm_start is None  # there is no champion
    registry.promote(2)
    shown = edml("tune", "events.csv")
    assert tuner.warm_start == registry.record(2)
    assert "begins with the parameters of version 2" in shown.stderr
    edml("tune", "events.csv", "--set", "tune.warm_start=false")
    assert tuner.warm_start is None
    shown = edml("tune", "events.csv", "--algorithm", "lightgbm")
    assert tuner.warm_start is None
    assert "does not begin with the champion, version 2" in shown.stderr


def test_the_cross_validation_stands_in_the_record(tuned, edml):
    registry = ModelRegistry("registry")
    score = {"scoring": "average_precision", "mean": 0.5, "std": 0.1, "n_folds": 4}
    assert registry.record(1).cross_validation == score
    shown = edml("registry", "show", "1").stdout
    assert "mean=0.5,n_folds=4,scoring=average_precision" in "".join(shown.split())
    registry.export(1, "one.zip")
    other = ModelRegistry("other")
    assert other.import_("one.zip").cross_validation == score


@pytest.mark.filterwarnings("default:This model is version")
def test_models_that_are_there_are_not_registered_again(tuned, edml, use):
    use()
    before = ModelRegistry("registry").records()
    result = edml("tune", "events.csv")
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(ModelRegistry("registry").records(), before)
    for version in (1, 2):
        words = f"This model is version {version}, in development, to the bit"
        assert words in result.stderr
        assert len(ModelRegistry("registry").evaluations(version)) == 1


def test_the_table_on_a_terminal(project, edml, use):
    use()
    result = edml("tune", "events.csv", "--registry", "models", "--name", "spring")
    assert result.exit_code == 0, result.output
    assert "LGBMClassifier" in result.stdout
    assert "others" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Evaluating candidate 2" in result.stderr
    assert len(ModelRegistry("models", "spring").records()) == 2


def test_settings_reach_the_search(events):
    config = Config.model_validate(
        {
            "tune": {
                "algorithms": ["lightgbm"],
                "scoring": "roc_auc",
                "folds": 3,
                "evaluations": 7,
                "timeout": 5.0,
                "target_score": 0.9,
                "min_score": 0.1,
                "candidates": 2,
                "balance": ["none", "over"],
                "threshold": {"per_course": 4},
                "calibration": "none",
                "n_jobs": 2,
            },
            "data": {"random_state": 3},
            "columns": {"user_uuid": "student"},
            "exam_kinds": {"parciales": ["A"]},
        }
    )
    pytest.importorskip("edml.tuning")
    found = _tune.make_tuner(config).get_params(deep=False)
    expected = {
        "algorithms": ("lightgbm",),
        "scoring": "roc_auc",
        "cv": 3,
        "n_iter": 7,
        "timeout": 5.0,
        "target_score": 0.9,
        "min_score": 0.1,
        "n_candidates": 2,
        "balance": (None, "over"),
        "threshold": Capacity(per_course=4),
        "calibration": None,
        "n_jobs": 2,
        "random_state": 3,
        "verbose": 1,
        "columns": {"user_uuid": "student"},
        "exam_kinds": {"parciales": ["A"]},
        "partition_days": 1.0,
        "fail_label": None,
        "features": "classic",
        "static": None,
    }
    assert found == expected | {"warm_start": None}


def test_defaults_are_those_of_the_search():
    tuner = type(_tune.make_tuner(Config()))()
    ours, theirs = (one.get_params() for one in (_tune.make_tuner(Config()), tuner))
    differ = {name for name in ours if ours[name] != theirs[name]}
    assert differ == {"verbose", "random_state"}


def test_invalid_threshold_rule(project, edml, assert_fails):
    config = Config.model_validate({"tune": {"threshold": "recal>=1"}})
    with pytest.raises(ConfigError, match=r"tune\.threshold: threshold must be"):
        _tune.make_tuner(config)
    result = edml("tune", "events.csv", "--set", "tune.threshold=2.0")
    assert_fails(result, "tune.threshold", "no probability", code=2)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--algorithm", "magic"), ("--evaluations", 0), ("--timeout", 0)],
)
def test_options_are_checked_before_any_work(
    project, edml, assert_fails, option, value
):
    result = edml("tune", "events.csv", option, value)
    assert_fails(result, "option tune.", "expects", code=2)
    assert "Reading" not in result.stderr


# -- errors -------------------------------------------------------------------


def test_failing_search_gives_a_one_line_error(
    project, edml, assert_fails, use, stand_in
):
    use(stand_in(error=ValueError("All candidates failed; the first: X.")))
    assert_fails(edml("tune", "events.csv"), "All candidates failed")
    assert not (project / "registry").exists()


def test_search_without_candidates(project, edml, assert_fails, use, stand_in):
    use(stand_in(learners=()))
    assert_fails(edml("tune", "events.csv"), "kept no candidate", "tune.min_score")
    assert not (project / "registry").exists()


def test_ctrl_c_outside_the_search(project, edml, assert_fails, use, stand_in):
    use(stand_in(error=KeyboardInterrupt()))
    assert_fails(edml("tune", "events.csv"), "Stopped", code=130)
    assert not (project / "registry").exists()


def test_ctrl_c_keeps_the_best_so_far(project, edml, use, stand_in):
    class Patient(type(stand_in())):
        def fit(self, X, y):
            super().fit(X, y)
            self.candidates_ = self.candidates_[:1]
            self.candidate_indices_ = [0]
            self.interrupted_ = True
            return self

    use(Patient())
    result = edml("tune", "events.csv", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["interrupted"] is True
    assert "best so far" in result.stderr
    assert len(ModelRegistry("registry").records()) == 1


def test_no_final_grade(project, edml, assert_fails, use, events):
    use()
    events.drop(columns="nota_final_materia").to_csv("e.csv", index=False)
    assert_fails(edml("tune", "e.csv"), "lacks ['nota_final_materia']")


def test_rows_left_out_are_counted(project, edml, use, events):
    use()
    running = events["course_uuid"] == events["course_uuid"].iloc[0]
    grades = events["nota_final_materia"].mask(running)
    events.assign(nota_final_materia=grades).to_csv("e.csv", index=False)
    result = edml("tune", "e.csv")
    assert result.exit_code == 0, result.output
    assert f"Left out {running.sum():,} rows" in result.stderr


@pytest.mark.slow
def test_the_real_search(project, edml, events):
    options = ["--evaluations", "3", "--algorithm", "lightgbm", "--set", "tune.folds=2"]
    result = edml("tune", "events.csv", *options, "--json")
    assert result.exit_code == 0, result.output
    versions = json.loads(result.stdout)["versions"]
    registry = ModelRegistry("registry")
    records = registry.records()
    assert len(records) == len(versions) >= 1
    assert records["average_precision"].notna().all()
    # so that `edml update` recognizes the file
    table = pd.read_csv("events.csv", dtype={"legajo": "str"})
    sides = divide(with_outcome(table, Config())[0], Config())
    assert registry.record(1).data_fingerprint == sides.train.fingerprint()
    shown = json.loads(edml("update", "events.csv", "--json").stdout)
    assert shown["tuned_on_this_file"] == [one["version"] for one in versions]
    assert shown["champion"] in records["version"].tolist()
