"""The demonstration shows the right figures; a wrong folder is one clear line."""

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from typer.testing import CliRunner

import edml
from edml.cli import _demo, app, main
from edml.datasets import load_activity
from edml.metrics import make_snapshot_scorer
from edml.model_selection import student_train_test_split
from edml.pipeline import make_risk_pipeline

FIGURES = list(_demo.FIGURES)


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


def test_demo_shows_figures_of_each_snapshot_once(sample, shown):
    pipeline, X, y = sample
    assert shown.exit_code == 0, shown.output
    scorer = make_snapshot_scorer(["roc_auc", "average_precision", "recall"])
    scores = scorer(pipeline, X, y)
    (row,) = rows_of(shown.stdout, "all days")
    assert row[2] == str(X["user_uuid"].nunique())
    assert [row[4], row[5], row[7]] == [
        f"{scores[name]:.3f}" for name in ("roc_auc", "average_precision", "recall")
    ]


def test_demo_shows_figures_of_each_fifth(sample, shown):
    pipeline, X, y = sample
    rows = X.assign(y=y, score=pipeline.predict_proba(X)[:, 1])
    rows["particion"] = rows["particion"].fillna(0)
    once = rows.groupby(["user_uuid", "course_uuid", "particion"])[["y", "score"]]
    once = once.first().reset_index()
    once["flag"] = once["score"] >= 0.5
    lines = [row for row in rows_of(shown.stdout, "days ") if "-" in row[1]]
    assert [row[1] for row in lines] == ["0-11", "12-23", "24-35", "36-47", "48-59"]
    for fifth, row in enumerate(lines):
        part = once[once["particion"].between(12 * fifth, 12 * fifth + 11)]
        y_true, score, flag = part["y"], part["score"], part["flag"]
        assert row[3] == f"{y_true.mean():.3f}"
        assert row[4] == f"{roc_auc_score(y_true, score):.3f}"
        assert row[5] == f"{average_precision_score(y_true, score):.3f}"
        precision = f"{precision_score(y_true, flag, zero_division=0):.3f}"
        assert row[6] == (precision if flag.any() else "-")
        assert row[7] == f"{recall_score(y_true, flag):.3f}"


def test_demo_shows_the_ten_most_at_risk_at_their_latest_day(sample, shown):
    pipeline, X, _ = sample
    rows = X.assign(score=pipeline.predict_proba(X)[:, 1])
    rows["day"] = rows["particion"].fillna(0)
    newest = rows.groupby(["user_uuid", "course_uuid"])["day"].transform("max")
    newest = rows[rows["day"] == newest].groupby("user_uuid")
    expected = newest["score"].max().nlargest(10)
    names = newest["legajo"].first()
    table = shown.stdout.split("most at risk")[1].splitlines()
    lines = [line.split() for line in table if line.rstrip().endswith((" yes", " no"))]
    assert [row[0] for row in lines] == [str(names[who]) for who in expected.index]
    assert [row[-2] for row in lines] == [f"{score:.3f}" for score in expected]


def test_demo_fits_80_columns_and_explains_its_figures(shown):
    assert max(map(len, shown.stdout.splitlines())) <= 80
    said = " ".join(shown.stdout.split())
    for words in (
        "synthetic",
        "No student is in both",
        "counts once",
        "not calibrated",
    ):
        assert words in said


def test_progress_goes_to_stderr(shown):
    assert "Training on" in shown.stderr
    assert "Training on" not in shown.stdout


# -- the tables, by hand ------------------------------------------------------


def test_figures_by_hand():
    figures = _demo.measure(
        snapshots_of(
            ("a", "x", 0, 1, 0.5),  # flagged: 0.5 is at the threshold
            ("a", "x", 1, 1, 0.2),
            ("b", "x", 0, 0, 0.6),
            ("c", "x", 0, 0, 0.1),
        )
    )
    assert figures == {
        "students": 3.0,
        "failing": 0.5,
        "roc_auc": 0.5,
        "average_precision": pytest.approx((1 / 2 + 2 / 3) / 2),
        "precision": 0.5,
        "recall": 0.5,
    }


@pytest.mark.parametrize(
    ("fails", "score", "defined"),
    [
        (0, 0.1, []),
        (0, 0.9, ["precision"]),
        (1, 0.1, ["recall"]),
        (1, 0.9, ["precision", "recall"]),
    ],
)
def test_figures_of_one_class_are_undefined_not_an_error(fails, score, defined):
    figures = _demo.measure(snapshots_of(("a", "x", 0, fails, score)))
    assert [name for name in FIGURES if not np.isnan(figures[name])] == defined


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (10, ["0-1", "2-3", "4-5", "6-7", "8-9"]),
        (7, ["0-1", "2-2", "3-4", "5-5", "6-6"]),
        (3, ["0-0", "1-1", "2-2"]),
        (1, ["0-0"]),
    ],
)
def test_every_day_is_in_one_fifth(length, labels):
    days = [(str(day), "x", day, day % 2, 0.5) for day in range(length)]
    figures = _demo.measure_fifths(snapshots_of(*days))
    assert list(figures.index) == [*(f"days {label}" for label in labels), "all days"]
    assert figures["students"].iloc[:-1].sum() == length


def test_fifth_without_a_snapshot_is_undefined():
    figures = _demo.measure_fifths(
        snapshots_of(("a", "x", 0, 0, 0.1), ("b", "x", 9, 1, 0.9))
    )
    assert figures["students"].tolist() == [1, 0, 0, 0, 1, 2]
    assert figures.iloc[1:4, 1:].isna().all(axis=None)
    assert figures.loc["all days", FIGURES].tolist() == [1, 1, 1, 1]


def test_snapshots_are_the_first_rows_with_null_partitions_on_day_0():
    X = pd.DataFrame(
        {
            "user_uuid": ["b", "b", "a", "b"],
            "course_uuid": "x",
            "course_name": "X",
            "legajo": [2, 2, 1, 2],
            "particion": [np.nan, 3, 3, 0],
        }
    )
    y = pd.Series([1, 1, 0, 1])
    table = _demo.take_snapshots(X, y, np.array([0.3, 0.4, 0.1, 0.3]))
    assert table["user_uuid"].tolist() == ["b", "b", "a"]
    assert table["particion"].tolist() == [0, 3, 3]
    assert table["probability"].tolist() == [0.3, 0.4, 0.1]


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
    assert rows_of(result.stdout, "all days")[0][2] == "60"
    assert len(rows_of(result.stdout, "[x]")) == 10


@pytest.mark.slow
def test_demo_on_the_real_tables(oulad_home):
    result = run("demo", "--oulad", str(oulad_home))
    assert result.exit_code == 0, result.output
    assert "11,657 and 6,623 students" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80
    (row,) = rows_of(result.stdout, "all days")
    assert 0.80 < float(row[4]) < 0.90


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


def test_help_does_not_wait_for_heavy_imports():
    code = "import sys, edml.cli; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(  # noqa: S603 - the code is the line above
        command, capture_output=True, text=True, check=True
    )
    heavy = {"sklearn", "pandas", "numpy", "lightgbm", "xgboost", "imblearn"}
    assert not heavy & set(loaded.stdout.split())
