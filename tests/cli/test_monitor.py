"""`edml monitor` prints verdicts; its exit code tells cron to call somebody."""

import json

import pandas as pd


def test_report_in_each_form(with_champion, edml):
    shown = edml("monitor", "later.csv", "--html", "out/page.html", "--json")
    found = json.loads(shown.stdout)
    assert shown.exit_code == (3 if found["verdict"] == "act" else 0)
    assert found["model_version"] == 1
    assert found["parts"]["realised"]["verdict"] != "cannot tell"  # it has the grades
    assert "Monitoring" in (with_champion / "out" / "page.html").read_text("utf-8")
    text = edml("monitor", "later.csv", "--lang", "es").stdout
    assert edml("--lang", "es", "monitor", "later.csv").stdout == text
    assert "Seguimiento" in text


def test_fault_exits_with_three(with_champion, edml):
    X = pd.read_csv("later.csv")
    X.assign(score=X["score"] / 2).to_csv("half.csv", index=False)
    shown = edml("monitor", "half.csv", "--json")
    assert shown.exit_code == 3
    assert json.loads(shown.stdout)["verdict"] == "act"


def test_outcomes_from_another_file(with_champion, edml):
    X = pd.read_csv("later.csv")
    keys = ["user_uuid", "course_uuid"]
    outcomes = X.drop_duplicates(keys)[[*keys, "nota_final_materia"]]
    outcomes.to_csv("outcomes.csv", index=False, sep=";")
    running = X.drop(columns="nota_final_materia")
    running.to_csv("running.csv", index=False)
    without = json.loads(edml("monitor", "running.csv", "--json").stdout)
    assert without["realised"] is None
    given = edml("monitor", "running.csv", "--outcomes", "outcomes.csv", "--json")
    inside = json.loads(edml("monitor", "later.csv", "--json").stdout)
    assert json.loads(given.stdout)["realised"] == inside["realised"]


def test_errors_are_one_line(with_champion, edml, assert_fails):
    pd.DataFrame({"student": [1]}).to_csv("other.csv", index=False)
    assert_fails(edml("monitor", "later.csv", "--outcomes", "other.csv"), "user_uuid")
    assert_fails(edml("monitor", "later.csv", "--version", "7"), "7")
    shown = edml("monitor", "later.csv", "--lang", "xx")
    assert shown.exit_code == 2


def test_the_lists_of_the_ledger(with_champion, edml):
    shown = edml("monitor", "later.csv", "--ledger", "told.db", "--json")
    assert json.loads(shown.stdout)["parts"]["lists"]["verdict"] == "cannot tell"
    edml("predict", "later.csv", "--ledger", "told.db")
    shown = edml("monitor", "later.csv", "--set", "ledger.path=told.db", "--json")
    (week,) = json.loads(shown.stdout)["lists"]
    assert week["n_students"] > 0
    assert (
        "Lists of the ledger"
        in edml("monitor", "later.csv", "--ledger", "told.db").stdout
    )
