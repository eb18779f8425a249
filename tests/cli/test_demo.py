"""The demonstration shows the right figures; a wrong folder is one clear line."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import edml
from edml._words import Words
from edml.cli import _demo, app, main
from edml.datasets import load_activity
from edml.inspection import evaluate
from edml.model_selection import student_train_test_split
from edml.pipeline import make_risk_pipeline


def run(*arguments):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"})


def rows_of(output, start):
    return [line.split() for line in output.splitlines() if start in line]


@pytest.fixture(scope="module")
def sample():
    X, y = load_activity(return_X_y=True)
    X_train, X_test, y_train, y_test = student_train_test_split(X, y, random_state=0)
    pipeline = make_risk_pipeline().fit(X_train, y_train)
    return pipeline, X_test, y_test


@pytest.fixture(scope="module")
def shown():
    return run("demo")


def snapshots_of(*rows):
    columns = ["user_uuid", "course_uuid", "particion", "fails", "probability"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(course_name=table["course_uuid"], legajo=table["user_uuid"])


# -- the sample ---------------------------------------------------------------


def test_demo_shows_the_figures_of_evaluate(sample, shown):
    assert shown.exit_code == 0, shown.output
    evaluation = evaluate(*sample)
    (row,) = rows_of(shown.stdout, "LGBMClassifier")
    names = ("roc_auc", "average_precision", "precision", "recall")
    assert row[1:] == [f"{evaluation.metrics[name]:.3f}" for name in names]
    said = " ".join(shown.stdout.split())
    for name in names:
        low, high = evaluation.intervals[name]
        assert f"{low:.2f}-{high:.2f}" in said
    counts = evaluation.counts
    whom = f"{counts['n_students']} students, of whom {counts['n_failing_students']}"
    assert f"On {whom} fail" in said


@pytest.mark.slow
def test_demo_shows_who_is_found(sample, shown):
    pipeline, X, y = sample
    rows = X.assign(y=y, score=pipeline.predict_proba(X)[:, 1])
    rows["day"] = rows["particion"].fillna(0)
    table = shown.stdout.split("one student in ten")[1].splitlines()
    lines = [line.split() for line in table if line[:8].strip().isdigit()]
    assert [row[0] for row in lines[:5]] == ["11", "23", "35", "47", "59"]
    for day, row in zip((11, 23, 35, 47, 59), lines, strict=False):
        fewest = most = contacted = enrolled = failing = 0  # by the order of ties
        by_lot = 0.0
        for _, course in rows[rows["day"] <= day].groupby("course_uuid"):
            last = course.sort_values("day", kind="stable").groupby("user_uuid").tail(1)
            places = -(-len(last) // 10)
            unlucky = last.sort_values(["score", "y"], ascending=[False, True])
            lucky = last.sort_values(["score", "y"], ascending=False)
            enrolled += len(last)
            failing += last["y"].sum()
            contacted += places
            fewest += unlucky["y"].head(places).sum()
            most += lucky["y"].head(places).sum()
            by_lot += last["y"].sum() * places / len(last)
        assert row[1:4] == [str(n) for n in (enrolled, failing, contacted)]
        assert fewest <= int(row[4]) <= most
        assert row[5:] == [f"{by_lot:.1f}", f"{int(row[4]) / failing:.3f}"]


def test_demo_shows_the_ten_most_at_risk_at_their_latest_day(sample, shown):
    pipeline, X, _ = sample
    rows = X.assign(score=pipeline.predict_proba(X)[:, 1])
    rows["day"] = rows["particion"].fillna(0)
    newest = rows.groupby(["user_uuid", "course_uuid"])["day"].transform("max")
    newest = rows[rows["day"] == newest].groupby("user_uuid")
    expected = newest["score"].max().nlargest(10)
    names = newest["legajo"].first()
    table = shown.stdout.split("students most at risk")[1].splitlines()
    lines = [line.split() for line in table if line.rstrip().endswith((" yes", " no"))]
    assert [row[0] for row in lines] == [str(names[who]) for who in expected.index]
    shown_risks = [row[-2] for row in lines]
    assert shown_risks == [Words().percent(score) for score in expected]


def test_demo_fits_80_columns_and_explains_its_figures(shown):
    assert max(map(len, shown.stdout.splitlines())) <= 80
    said = " ".join(shown.stdout.split())
    for words in (
        "synthetic",
        "none of whom was trained on",
        "counts once",
        "Drawing lots",
        "knows nothing",
        "not calibrated",
    ):
        assert words in said


def test_progress_goes_to_stderr(shown):
    assert "Training on" in shown.stderr
    assert "Training on" not in shown.stdout


# -- the tables, by hand ------------------------------------------------------


def test_gain_by_hand():
    # 11 students: two are contacted; the third most at risk fails as well
    rows = [(f"s{n}", "x", 0, int(n in (0, 2)), 1 - n / 20) for n in range(11)]
    # and a course of one
    gain = _demo.measure_day(snapshots_of(*rows, ("t", "y", 0, 1, 0.1)), 0)
    names = ("n_enrolled", "n_failing", "n_contacted", "n_found")
    assert [gain[name] for name in names] == [12, 3, 3, 2]
    assert gain["share"] == pytest.approx(2 / 3)
    assert gain["by_lot"] == pytest.approx(2 * 2 / 11 + 1)
    assert 0 <= gain["low"] <= gain["share"] <= gain["high"] <= 1


def test_only_what_was_known_that_day_counts():
    table = snapshots_of(
        ("a", "x", 0, 1, 0.9), ("a", "x", 5, 1, 0.1), ("b", "x", 0, 0, 0.5)
    )
    assert _demo.measure_day(table, 0)["n_found"] == 1
    assert _demo.measure_day(table, 4)["n_found"] == 1
    assert _demo.measure_day(table, 5)["n_found"] == 0


def test_nobody_fails():
    gain = _demo.measure_day(snapshots_of(("a", "x", 0, 0, 0.9)), 0)
    assert (gain["n_contacted"], gain["by_lot"]) == (1, 0)
    assert np.isnan([gain["share"], gain["low"], gain["high"]]).all()


@pytest.mark.parametrize(
    ("length", "days"),
    [(10, [1, 3, 5, 7, 9]), (7, [1, 2, 4, 5, 6]), (3, [0, 1, 2]), (1, [0])],
)
def test_the_days_are_the_ends_of_the_fifths(length, days):
    rows = [(str(day), "x", day, day % 2, 0.5) for day in range(length)]
    assert _demo.measure_gain(snapshots_of(*rows))["day"].tolist() == days


def test_student_in_two_courses_is_listed_once_and_by_the_latest_day():
    table = _demo.most_at_risk(
        snapshots_of(
            ("a", "x", 5, 1, 0.4),
            ("a", "x", 2, 1, 0.9),  # was higher, earlier
            ("a", "y", 1, 1, 0.7),
            ("b", "x", 0, 0, 0.6),
            ("c", "x", 0, 0, 0.1),
        ),
        n_students=2,
    )
    found = table[["user_uuid", "course_uuid", "probability"]].to_numpy().tolist()
    assert found == [["a", "y", 0.7], ["b", "x", 0.6]]


# -- the Open University tables -----------------------------------------------


def write_oulad(folder, presentations=("2013B", "2013J"), n_students=60):
    """Write a dataset in which students without submissions fail."""
    tables = {
        "courses": ["code_module,code_presentation,module_presentation_length"],
        "assessments": [
            "code_module,code_presentation,id_assessment,assessment_type,date,weight"
        ],
        "studentInfo": ["code_module,code_presentation,id_student,final_result"],
        "studentRegistration": [
            "code_module,code_presentation,id_student,date_unregistration"
        ],
        "studentAssessment": [
            "id_assessment,id_student,date_submitted,is_banked,score"
        ],
    }
    for number, presentation in enumerate(presentations):
        of = f"[x],{presentation}"  # brackets are not markup
        tables["courses"].append(f"{of},60")
        for which in (1, 2):
            row = f"{of},{10 * number + which},TMA,{20 * which},50"
            tables["assessments"].append(row)
        for index in range(n_students):
            # the first five take every presentation
            student = index if index < 5 else 1000 * number + index
            fails = index % 3 == 0
            tables["studentInfo"].append(
                f"{of},{student},{'Fail' if fails else 'Pass'}"
            )
            tables["studentRegistration"].append(f"{of},{student},")
            if not fails:
                row = f"{10 * number + 1},{student},18,0,70"
                tables["studentAssessment"].append(row)
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join([*lines, ""]))
    return folder


def test_demo_trains_on_the_earlier_presentations(tmp_path):
    result = run("demo", "--oulad", str(write_oulad(tmp_path)))
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "before October 2013" in said
    # the five returning students are in the test, and left out of training
    assert "55 and 60 students" in said
    assert "On 60 students" in said
    assert len(rows_of(result.stdout, "[x]")) == 10


@pytest.mark.slow
def test_demo_on_the_real_tables(oulad_home):
    result = run("demo", "--oulad", str(oulad_home))
    assert result.exit_code == 0, result.output
    assert "11,657 and 6,623 students" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80
    (row,) = rows_of(result.stdout, "LGBMClassifier")
    assert 0.80 < float(row[1]) < 0.90


# -- errors -------------------------------------------------------------------


def assert_one_line(result, *words):
    assert result.exit_code == 1
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if "edml demo:" in line]
    assert len(errors) == 1
    assert result.stderr.splitlines()[-1] == errors[0]
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in errors[0]


def test_missing_folder(tmp_path):
    result = run("demo", "--oulad", str(tmp_path / "no"))
    assert_one_line(result, "There is no folder", "Unpack it there")


def test_other_folder_raises(tmp_path):
    result = run("demo", "--oulad", str(tmp_path))
    assert_one_line(result, "has no table 'courses'")


def test_other_table_raises(tmp_path):
    write_oulad(tmp_path)
    (tmp_path / "studentInfo.csv").write_text("a,b\n1,2\n")
    assert_one_line(run("demo", "--oulad", str(tmp_path)), "lacks the columns")


def test_single_presentation_raises(tmp_path):
    write_oulad(tmp_path, ["2013B"])
    assert_one_line(run("demo", "--oulad", str(tmp_path)), "need 2 periods")


def test_option_without_a_folder():
    result = run("demo", "--oulad")
    assert result.exit_code == 2
    assert "requires an argument" in result.stderr


# -- the command --------------------------------------------------------------


def test_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"edml {edml.__version__}\n")


def test_help_names_the_commands():
    result = run("--help")
    assert result.exit_code == 0
    assert "demo" in result.stdout
    assert "--version" in result.stdout


def test_main_is_the_entry_point(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["edml", "--version"])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    assert capsys.readouterr().out == f"edml {edml.__version__}\n"


@pytest.mark.slow
def test_unencodable_letters_do_not_raise(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(sys, "argv", ["edml", "demo"])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    sys.stdout.flush()
    assert b"?lgebra" in written.getvalue()
