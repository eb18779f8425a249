"""A stage runs once for the same inputs, and again for others."""

import json
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from edml.cli import _run, _tune
from edml.cli._config import read_config
from edml.registry import ModelRegistry

STAGES = ["process", "tune", "register", "update"]


@pytest.fixture
def go(project, stand_in):
    """Run the stages with a stand-in for the search; return those that ran."""
    tuner = stand_in(("lightgbm",))

    def go(*settings, new=None, again=False, tuner=tuner, raw="events.csv"):
        flags = {
            tuple(name.split(".")): value
            for name, value in dict(settings, **{"update.importance": False}).items()
        }
        result = _run.run(
            Path(raw),
            read_config(flags=flags).config,
            lambda where: ModelRegistry(where.path, where.name, who="ada"),
            new=None if new is None else Path(new),
            tuner=tuner,
            again=again,
        )
        assert [one["stage"] for one in result["stages"]] == STAGES
        go.result = result
        return [one["stage"] for one in result["stages"] if one["done_now"]]

    go.tuner = tuner
    return go


def registry():
    return ModelRegistry("registry")


# -- stages -------------------------------------------------------------------


def test_from_events_to_a_champion(go):
    assert go() == STAGES
    table = registry().records()
    assert table["stage"].tolist() == ["production"]
    record = registry().record(1)
    assert record.tags["source"] == "run"
    assert record.origin is not None
    purposes = registry().evaluations(1)["purpose"].tolist()
    assert purposes == ["validation", "choosing"]
    assert table["purpose"].tolist() == ["validation"]
    assert go.result["champion"] == 1
    left = {path.name for path in Path(".edml").iterdir()}
    assert left <= {"run.json", "run.lock", "candidates"}
    assert not list(Path.cwd().rglob("*.tmp"))
    features = pd.read_parquet("features.parquet")
    assert go.result["stages"][0]["result"]["n_snapshots"] == len(features)


def test_repeated_run_does_nothing(go):
    go()
    before = go.result
    assert go() == []
    assert go.tuner.n_fits == 1
    assert len(registry().records()) == 1
    assert go.result["champion"] == before["champion"]
    assert [one["result"] for one in go.result["stages"]] == [
        one["result"] for one in before["stages"]
    ]
    assert go(again=True) == STAGES


@pytest.mark.parametrize(
    ("setting", "value", "done"),
    [
        ("tune.n_jobs", 2, []),  # it changes no result
        ("update.min_gain", 0.5, ["update"]),
        ("tune.folds", 3, ["tune", "register", "update"]),
        ("signals.features", "progress", ["tune", "register", "update"]),
        pytest.param("data.random_state", 1, STAGES[1:], marks=pytest.mark.slow),
        pytest.param("data.passing_grade", 5.0, STAGES, marks=pytest.mark.slow),
        pytest.param("source.decimal", ".", STAGES, marks=pytest.mark.slow),
        pytest.param("registry.name", "other", STAGES[2:], marks=pytest.mark.slow),
        ("paths.features", "f.csv", ["process"]),
    ],
)
def test_changed_setting_repeats_the_dependent_stages(go, setting, value, done):
    go()
    assert go((setting, value)) == done


@pytest.mark.slow
def test_other_events_repeat_everything(go, events):
    go()
    text = Path("events.csv").read_bytes()
    Path("moved.csv").write_bytes(text)
    assert go(raw="moved.csv") == []  # the content counts, not the name
    Path("events.csv").write_bytes(text + b"\n")
    assert go() == STAGES


def test_new_events_repeat_only_the_update(go):
    go()
    first = go.result["stages"][-1]["result"]
    assert first["evaluations"] == []
    assert go(new="later.csv") == ["update"]
    assert [one["version"] for one in go.result["stages"][-1]["result"]["evaluations"]]
    assert go(new="later.csv") == []


@pytest.mark.slow
def test_the_champion_is_that_of_the_registry(go, capsys, stand_in):
    tuner = stand_in(("lightgbm", "xgboost"))
    go(tuner=tuner)
    first = go.result["champion"]
    other = 3 - first
    registry().promote(other)
    capsys.readouterr()
    assert go(tuner=tuner) == []
    assert go.result["champion"] == other
    updated = go.result["stages"][-1]["result"]
    assert (updated["champion"], updated["contest"]) == (other, None)
    assert f"the champion was {first} then" in capsys.readouterr().err
    registry().rollback()
    assert go(tuner=tuner) == []
    assert go.result["champion"] == first
    assert go.result["stages"][-1]["result"]["contest"]["winner"] == first


@pytest.mark.slow
def test_versions_that_were_removed_are_not_shown(go, capsys, stand_in):
    tuner = stand_in(("lightgbm", "xgboost"))
    go(tuner=tuner)
    registry().clean(keep_last=0)
    capsys.readouterr()
    assert go(tuner=tuner) == []
    shown = go.result["stages"][2]["result"]["versions"]
    assert [one["version"] for one in shown] == [go.result["champion"]]
    assert "1 version of then" in capsys.readouterr().err


def test_models_that_tune_registered_are_not_registered_again(go, edml, use):
    result = edml("tune", "events.csv", "--set", "update.importance=false")
    assert result.exit_code == 0, result.output
    assert go() == STAGES
    assert len(registry().records()) == 1
    assert registry().evaluations(1)["purpose"].tolist() == ["validation", "choosing"]


@pytest.mark.slow
def test_another_edml_repeats_everything(go, monkeypatch):
    go()
    monkeypatch.setattr(_run, "__version__", "99")
    assert go() == STAGES


@pytest.mark.slow
def test_missing_results_are_recomputed(go):
    go()
    Path("features.parquet").unlink()
    assert go() == ["process"]
    Path("features.parquet").write_bytes(b"other")
    assert go() == ["process"]
    _remove(Path("registry"))
    assert go() == ["register", "update"]
    assert go.tuner.n_fits == 1
    _remove(Path(".edml/candidates"))
    assert go() == []  # they are registered
    _remove(Path("registry"))
    assert go() == STAGES[1:]


def _remove(folder):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 2}', '{"format": 2, "stages": {"tune": {}}}'],
)
def test_unreadable_state_counts_as_not_done(tmp_path, text, capsys):
    path = tmp_path / "run.json"
    assert _run._read_state(path) == {}
    assert capsys.readouterr().err == ""
    path.write_text(text)
    assert _run._read_state(path) == {}
    assert "every stage is repeated" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_an_unreadable_state_repeats_every_stage(go):
    go()
    Path(".edml/run.json").write_text("{")
    assert go() == STAGES


# -- interruptions ------------------------------------------------------------


@pytest.mark.parametrize(
    "stage",
    ["tune", *(pytest.param(s, marks=pytest.mark.slow) for s in STAGES if s != "tune")],
)
def test_run_resumes_where_it_stopped(go, monkeypatch, stage):
    work = getattr(_run._Work, stage)

    def stop(self, results):
        work(self, results)
        raise KeyboardInterrupt

    monkeypatch.setattr(_run._Work, stage, stop)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        go()
    monkeypatch.setattr(_run._Work, stage, work)
    assert go() == STAGES[STAGES.index(stage) :]
    assert len(registry().records()) == 1
    assert go() == []


@pytest.mark.slow
def test_stop_between_candidates_registers_none_twice(go, monkeypatch, stand_in):
    tuner = stand_in(("lightgbm", "xgboost"))
    hand_over = _run._Work.hand_over

    def stop(self, drafts, draft, model):
        if draft == 2:
            raise KeyboardInterrupt
        return hand_over(self, drafts, draft, model)

    monkeypatch.setattr(_run._Work, "hand_over", stop)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        go(tuner=tuner)
    assert len(registry().records()) == 1
    monkeypatch.setattr(_run._Work, "hand_over", hand_over)
    assert go(tuner=tuner) == ["register", "update"]
    algorithms = registry().records()["algorithm"].tolist()
    assert algorithms == ["LGBMClassifier", "XGBClassifier"]
    assert tuner.n_fits == 1


@pytest.mark.slow
def test_an_interrupted_search_is_not_done(go, stand_in, monkeypatch):
    with monkeypatch.context() as interrupted:
        interrupted.setattr(stand_in, "interrupted_", True)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            go()
    assert go() == STAGES[1:]


def test_one_run_at_a_time(go):
    Path(".edml").mkdir()
    with (
        FileLock(Path(".edml/run.lock")),
        pytest.raises(_run.RunError, match=r"no other run in .edml; found one. Wait"),
    ):
        go()
    assert go() == STAGES


@pytest.mark.slow
def test_refit_waits_for_newer_events(go, capsys):
    assert go(("update.refit", True), ("update.retune", True)) == STAGES
    assert "need newer events" in capsys.readouterr().err
    assert go(("update.refit", True), new="later.csv") == ["update"]
    assert go.result["stages"][-1]["result"]["refitted"]


# -- the command --------------------------------------------------------------


@pytest.fixture
def use(monkeypatch, stand_in):
    for module in (_run, _tune):
        monkeypatch.setattr(module, "make_tuner", lambda _: stand_in(("lightgbm",)))


def test_the_command(project, edml, use):
    options = ["--new", "later.csv", "--set", "update.importance=false"]
    result = edml("run", "events.csv", *options)
    assert result.exit_code == 0, result.output
    assert "register: done" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    result = edml("run", "events.csv", *options, "--json")
    shown = json.loads(result.stdout)
    assert [one["done_now"] for one in shown["stages"]] == [False] * 4
    assert "tune: already done on " in result.stderr
    assert shown["champion"] == registry().record("production").version


@pytest.mark.slow
def test_signed_from_start_to_end(project, edml, use):
    options = ["--json", "--set", "update.importance=false"]
    key = {"EDML_REGISTRY_KEY": "0123456789abcdef0123456789abcdef"}
    result = edml("run", "events.csv", *options, **key)
    assert result.exit_code == 0, result.output
    signed = ModelRegistry("registry", key=key["EDML_REGISTRY_KEY"].encode())
    assert signed.verify() == []
    signed.load("production")


def test_invalid_input_raises(project, edml, assert_fails):
    assert_fails(edml("run"), "paths.raw", code=2)
    assert_fails(edml("run", "no.csv"), "no.csv")
    assert_fails(edml("run", "events.csv", "--new", "no.csv"), "no.csv")


@pytest.mark.slow
def test_the_real_search(project, edml):
    options = [
        *("--set", "tune.evaluations=3", "--set", "tune.algorithms=lightgbm"),
        *("--set", "tune.folds=2", "--json"),
    ]
    result = edml("run", "events.csv", *options)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["champion"] == registry().record("production").version
    assert Path("importance.csv").is_file()
    again = json.loads(edml("run", "events.csv", *options).stdout)
    assert not any(one["done_now"] for one in again["stages"])
