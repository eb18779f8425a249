"""What `edml predict` told, from a terminal."""

import json
from pathlib import Path

import pandas as pd
import pytest

from edml.ledger import Ledger
from edml.registry import ModelRegistry


@pytest.fixture
def told(with_champion, edml):
    result = edml("predict", "later.csv", "--json", "--ledger", "ledger.db")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_predict_appends_what_it_says(told, edml):
    edml("predict", "later.csv", "--set", "ledger.path=ledger.db")
    ledger = Ledger("ledger.db")
    first, second = ledger.runs().to_dict("records")
    record = ModelRegistry("registry").record("production")
    assert first["model_hash"] == record.files["model.skops"]["sha256"]
    assert first["version"] == told["model_version"] == record.version
    assert first["events"] == second["events"]
    assert first["n_entries"] == len(told["predictions"])
    entries = ledger.entries()
    entries = entries[entries["run"] == first["run"]].set_index(["student", "course"])
    for one in told["predictions"]:
        entry = entries.loc[(one["user_uuid"], one["course_uuid"])]
        assert entry["probability"] == one["probability"]
        assert entry["flagged"] == one["flagged"]
        assert entry["day"] == one["particion"]
        assert len(entry["reasons"]) == len(one["reasons"])
        assert entry["period"]
    assert told["ledger"] == "ledger.db"
    assert "reason_features" not in told["predictions"][0]


def test_nothing_is_recorded_unless_named(with_champion, edml):
    assert edml("predict", "later.csv").exit_code == 0
    assert list(Path().rglob("inferences"))
    assert not list(Path().rglob("*.db"))


def test_unusable_ledger_stops_before_any_file(with_champion, edml):
    Path("ledger.db").write_text("a text" * 200)
    result = edml("predict", "later.csv", "--ledger", "ledger.db")
    assert result.exit_code == 1
    assert "damaged, or another kind of file" in result.output
    assert not list(Path().rglob("inferences"))


def test_show(told, edml):
    shown = edml("ledger", "show", "--ledger", "ledger.db")
    assert shown.exit_code == 0, shown.output
    assert "predict" in shown.stdout
    runs = edml("ledger", "show", "--ledger", "ledger.db", "--json", "--since", "1d")
    (run,) = json.loads(runs.stdout)["runs"]
    assert run["n_entries"] == len(told["predictions"])
    assert pd.Timestamp(run["time"]).tz is not None
    student = told["predictions"][0]["user_uuid"]
    options = ("--ledger", "ledger.db", "--student", student)
    entries = json.loads(edml("ledger", "show", *options, "--json").stdout)["entries"]
    assert {one["student"] for one in entries} == {student}
    assert student[:12] in edml("ledger", "show", *options).stdout


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "Pass --ledger, or set ledger.path"),
        (("--ledger", "absent.db"), 1, "There is no ledger absent.db"),
        (("--ledger", "ledger.db", "--since", "week"), 2, "--since expects days"),
        (("--ledger", "ledger.db", "--since", "0d"), 2, "--since expects days"),
    ],
    ids=["none", "absent", "age", "zero"],
)
def test_errors(told, edml, options, code, message):
    result = edml("ledger", "show", *options)
    assert result.exit_code == code
    assert message in " ".join(result.output.split())


@pytest.mark.parametrize("by", ["environment", "file"])
def test_key_of_pseudonyms(with_champion, edml, tmp_path, by):
    key = "a secret of 32 bytes, or nearly so"
    (tmp_path / "ledger.key").write_text(f"{key}\n")
    options = ["--ledger", "ledger.db"]
    environ = {"EDML_LEDGER_KEY": key} if by == "environment" else {}
    if by == "file":
        options += ["--set", f"ledger.key_file={tmp_path / 'ledger.key'}"]
    result = edml("predict", "later.csv", *options, **environ)
    assert result.exit_code == 0, result.output
    assert key not in result.output
    assert set(Ledger("ledger.db").entries()["student"].str.len()) == {64}
    assert len(Ledger("ledger.db", key.encode()).runs()) == 1
    refused = edml("predict", "later.csv", "--ledger", "ledger.db")
    assert refused.exit_code == 1
    assert "found no key" in refused.output


def test_export_erase_and_prune(told, edml):
    one = told["predictions"][0]
    student, where = one["user_uuid"], ("--ledger", "ledger.db")
    stored = json.loads(edml("ledger", "export", student, *where).stdout)
    assert stored["student"] == student
    assert one["probability"] in {entry["probability"] for entry in stored["entries"]}
    result = edml("ledger", "export", student, "--out", "stored.json", *where)
    assert result.exit_code == 0, result.output
    assert json.loads(Path("stored.json").read_text("utf-8")) == stored
    n = len(stored["entries"])
    erased = edml("ledger", "erase", student, *where)
    assert erased.stdout == f"Erased {n} {'entry' if n == 1 else 'entries'}.\n"
    assert not Ledger("ledger.db").export(student)["entries"]
    assert student not in erased.output
    assert edml("ledger", "prune", "--older-than", "90d", *where).exit_code == 0
    assert len(Ledger("ledger.db").runs()) == 1
    scores = pd.DataFrame(told["predictions"])
    Ledger("ledger.db").append(scores, version=1, time="2020-01-01")
    pruned = edml("ledger", "prune", "--older-than", "1y", *where)
    assert pruned.stdout == "Erased 1 run.\n"
    assert "--older-than expects" in " ".join(
        edml("ledger", "prune", "--older-than", "1 year", *where).output.split()
    )
