"""The courses, students and days that `edml predict` is asked for."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import as_of
from edml.cli._config import ConfigError
from edml.cli._files import read_files
from edml.cli._selection import (
    Wanted,
    choose_events,
    id_texts,
    list_histories,
)
from edml.exceptions import TableError
from edml.schema import resolve_columns

NAMES = resolve_columns(None)


def enrol(*enrolments, days=3):
    """Make events: a row per day of (student, course, name, period, final grade)."""
    rows = [
        {
            "user_uuid": student,
            "course_uuid": course,
            "course_name": name,
            "periodo": period,
            "nota_final_materia": grade,
            "legajo": f"9{student}",
            "particion": day,
        }
        for student, course, name, period, grade in enrolments
        for day in range(days)
    ]
    return pd.DataFrame(rows)


#: Algebra ran twice and runs now, as does Physics, where one student has left.
TERMS = enrol(
    ("1", "a1", "Algebra", "1-2025", 7.0),
    ("2", "a1", "Algebra", "01-2025", None),
    ("3", "a2", "Algebra", "02-2025", 3.0),
    ("1", "a3", "Algebra", "1-2026", None),
    ("4", "a3", "Algebra", "1-2026", None),
    ("4", "p", "Physics", "1-2026", 2.0),
    ("5", "p", "Physics", "1-2026", None),
    ("6", "p", "Physics", "1-2026", None),
)


def chosen_from(X, **wanted):
    chosen = choose_events(X, Wanted(**wanted), NAMES)
    keys = ["user_uuid", "course_uuid"]
    rows = {tuple(row) for row in chosen.X[keys].itertuples(index=False)}
    listed = {tuple(row) for row in chosen.histories[keys].itertuples(index=False)}
    assert rows == listed
    return rows


# -- courses and periods ------------------------------------------------------


def test_courses_are_named_by_name_and_period():
    labels = list_histories(TERMS, NAMES)["label"].tolist()
    algebra = ["Algebra (01-2025)"] * 2 + [
        "Algebra (02-2025)",
        *["Algebra (01-2026)"] * 2,
    ]
    assert sorted(labels) == sorted([*algebra, *["Physics (01-2026)"] * 3])


def test_running_courses_are_the_default():
    running = {("1", "a3"), ("4", "a3"), ("5", "p"), ("6", "p")}
    assert chosen_from(TERMS) == running
    assert chosen_from(TERMS, running=True) == running
    # ("2", "a1") has no grade, but the course is over
    assert len(chosen_from(TERMS, running=False)) == 8


def test_a_course_by_its_name_id_or_label():
    for course in ("Algebra", "a3", "Algebra (01-2026)"):
        assert chosen_from(TERMS, course=course) == {("1", "a3"), ("4", "a3")}
    # nothing else is chosen, so the one that is over stays
    for course in ("a1", "Algebra (01-2025)"):
        assert chosen_from(TERMS, course=course) == {("1", "a1"), ("2", "a1")}
    every = chosen_from(TERMS, course="Algebra", running=False)
    assert {course for _, course in every} == {"a1", "a2", "a3"}


@pytest.mark.parametrize("period", ["1-2025", "01-2025", " 1-2025 "])
def test_a_period(period):
    assert chosen_from(TERMS, period=period) == {("1", "a1"), ("2", "a1")}
    assert chosen_from(TERMS, period=period, students=["1"]) == {("1", "a1")}


def test_a_course_repeated_under_its_id_is_in_the_latest_period():
    X = enrol(
        ("1", "a", "Algebra", "1-2025", None),
        ("1", "a", "Algebra", "2-2025", None),
        ("2", "a", "Algebra", "1-2025", None),
    )
    histories = list_histories(X, NAMES).set_index("user_uuid")
    assert histories.loc["1", "label"] == "Algebra (02-2025)"
    assert histories.loc["2", "label"] == "Algebra (01-2025)"
    assert histories["unit"].nunique() == 2
    assert len(choose_events(X, Wanted(period="2-2025"), NAMES).X) == 6


def test_a_course_runs_until_half_of_its_students_have_a_grade():
    for n_graded in range(7):
        grades = [5.0] * n_graded + [None] * (6 - n_graded)
        X = enrol(
            *((str(i), "a", "A", "1-2025", grade) for i, grade in enumerate(grades))
        )
        running = list_histories(X, NAMES)["running"]
        assert running.sum() == (6 - n_graded if n_graded < 3 else 0)


def test_what_is_not_there_names_what_is():
    with pytest.raises(TableError, match=r"spells it: 'Algebra \(01-2025\)', "):
        chosen_from(TERMS, course="Chemistry")
    with pytest.raises(TableError, match="are: 01-2025, 01-2026, 02-2025"):
        chosen_from(TERMS, period="2-2030")
    with pytest.raises(ConfigError, match="--period expects a half-year"):
        chosen_from(TERMS, period="spring")
    with pytest.raises(TableError, match="Expected a course that is running"):
        chosen_from(TERMS, course="a1", running=True)
    without = TERMS.drop(columns="periodo")
    with pytest.raises(TableError, match="'periodo' are: none"):
        chosen_from(without, period="1-2025")
    many = enrol(*(("1", f"c{i:02d}", None, "1-2025", None) for i in range(20)))
    with pytest.raises(TableError, match="and 14 more"):
        chosen_from(many, course="x")


# -- students -----------------------------------------------------------------


@pytest.mark.parametrize("form", ["1004", 1004, 1004.0, " 1004", "1004.0"], ids=repr)
@pytest.mark.parametrize("asked", ["1004", "1004.0", " 1004 ", "91004"])
def test_students_by_id_in_any_form_or_by_file_number(form, asked):
    X = enrol(("x", "a", "A", "1-2025", None), ("y", "a", "A", "1-2025", None))
    ids = X["user_uuid"].map({"x": form, "y": type(form)(2008)})
    X = X.assign(user_uuid=ids, legajo=ids.map(lambda one: f"9{one}".replace(" ", "")))
    chosen = choose_events(X, Wanted(students=[asked]), NAMES)
    assert chosen.X["user_uuid"].unique().tolist() == [form]


def test_leading_zeros_are_kept():
    X = enrol(("0042", "a", "A", "1-2025", None), ("42", "a", "A", "1-2025", None))
    assert chosen_from(X, students=["0042"]) == {("0042", "a")}
    assert chosen_from(X, students=["42"]) == {("42", "a")}
    with pytest.raises(TableError, match="none of number 1 of them"):
        chosen_from(X, students=["042"])


def test_an_id_that_is_another_students_file_number():
    X = enrol(("1", "a", "A", "1-2025", None), ("91", "a", "A", "1-2025", None))
    with pytest.raises(TableError, match="number 2 of 2 is the id of one") as caught:
        chosen_from(X, students=["1", "91"])
    assert "91" not in str(caught.value)


@given(st.lists(st.sampled_from(["7", "07", "7.0", 7, 7.0, "é", None, " 7"])))
def test_id_texts(values):
    found = id_texts(pd.Series(values, dtype=object))
    for value, text in zip(values, found, strict=True):
        if value is None:
            assert pd.isna(text)
        else:
            assert text == {"07": "07", "é": "é"}.get(value, "7")


# -- at random ----------------------------------------------------------------


def test_a_random_pick_is_late_and_repeatable():
    X = pd.concat(
        [
            enrol(("1", "a", "A", "1-2025", None), days=16),
            enrol(
                ("2", "a", "A", "1-2025", None),
                ("3", "b", "B", "1-2025", None),
                days=30,
            ),
        ]
    )
    picked = set()
    for seed in range(60):
        wanted = Wanted(pick_random=True, seed=seed)
        chosen = choose_events(X, wanted, NAMES)
        ((student, last),) = chosen.X.groupby("user_uuid")["particion"].max().items()
        if seed < 10:
            rows = X.sample(frac=1, random_state=seed)
            shuffled = choose_events(rows, wanted, NAMES)
            assert shuffled.X["user_uuid"].iloc[0] == student
            assert shuffled.partition == chosen.partition
        assert 15 < chosen.partition <= last
        picked.add((student, chosen.partition))
    assert {student for student, _ in picked} == {"2", "3"}
    assert {day for _, day in picked} >= {16, 29}
    weekly = choose_events(X, Wanted(pick_random=True, seed=1), NAMES, 7.0)
    assert weekly.partition >= 3
    wanted = Wanted(pick_random=True, partition=20)
    assert choose_events(X, wanted, NAMES).partition == 20
    with pytest.raises(TableError, match="after day 15 to pick"):
        choose_events(TERMS, Wanted(pick_random=True), NAMES)


# -- several files ------------------------------------------------------------


@pytest.fixture
def weeks(tmp_path, later_events):
    """Write exports of two weeks, which overlap, and the events of each."""
    X = later_events.assign(nota_final_materia=np.nan)
    paths, tables = [], []
    for day in (6, 11):
        tables.append(as_of(X, day))
        paths.append(tmp_path / f"week{day}.csv")
        tables[-1].to_csv(paths[-1], index=False)
    return paths, tables


def sorted_rows(X):
    rows = X.reset_index(drop=True)
    return rows.sort_values(list(rows.columns)).reset_index(drop=True)


def test_later_exports_replace_what_they_repeat(weeks, capsys):
    paths, _ = weeks
    both = read_files(paths, NAMES)
    said = capsys.readouterr().err
    assert "of earlier files as later ones have them" in " ".join(said.split())
    whole = read_files(paths[1:], NAMES)
    pd.testing.assert_frame_equal(sorted_rows(both), sorted_rows(whole))


def test_files_of_different_days_are_joined(tmp_path, later_events, capsys):
    early = later_events["particion"].fillna(0) <= 6
    paths = [tmp_path / "first.csv", tmp_path / "second.csv"]
    later_events[early].to_csv(paths[0], index=False)
    later_events[~early].to_csv(paths[1], index=False)
    joined = read_files(paths, NAMES)
    later_events.to_csv(tmp_path / "all.csv", index=False)
    whole = read_files([tmp_path / "all.csv"], NAMES)
    capsys.readouterr()
    pd.testing.assert_frame_equal(sorted_rows(joined), sorted_rows(whole))


def test_ids_of_files_match_in_every_form(tmp_path, later_events):
    pytest.importorskip("pyarrow")
    X = later_events[later_events["user_uuid"] == later_events["user_uuid"].iloc[0]]
    X = X[X["course_uuid"] == X["course_uuid"].iloc[0]]
    X = X.assign(user_uuid=1004, course_uuid=7, legajo=X["legajo"].astype(str))
    X.to_csv(tmp_path / "a.csv", index=False)
    X.to_parquet(tmp_path / "b.parquet")
    joined = read_files([tmp_path / "a.csv", tmp_path / "b.parquet"], NAMES)
    assert set(joined["user_uuid"]) == {"1004"}
    assert len(list_histories(joined, NAMES)) == 1


# -- the command --------------------------------------------------------------


def test_the_command_takes_all_of_them(edml, with_champion, later_events):
    X = later_events.assign(nota_final_materia=np.nan)
    early = X["particion"].fillna(0) <= 6
    X[early].to_csv("early.csv", index=False)
    X[~early].to_csv("late.csv", index=False)
    number = X["legajo"].iloc[0]
    one = X[X["legajo"] == number].iloc[0]
    period = one["periodo"]
    result = edml(
        *("predict", "early.csv", "late.csv", "--student", number, "--running"),
        *("--course", one["course_name"], "--period", period, "--at", 9, "--json"),
    )
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["predictions"]
    assert str(found["legajo"]) == str(number)
    assert found["particion"] <= 9
    random = edml("predict", "late.csv", "--pick-random")
    assert random.exit_code == 1  # these courses have twelve days
    assert "after day 15" in random.stderr


def test_the_screen_shows_what_the_next_command_takes(
    edml, with_champion, later_events
):
    """Take the first student and course of the screen, as a person would."""
    name = "A very long name of a course that wraps"
    terms = [
        later_events.assign(
            course_name=name,
            course_uuid=later_events["course_uuid"] + period,
            periodo=period,
            nota_final_materia=grade,
        )
        for period, grade in (("1-2025", 5.0), ("2-2025", np.nan))
    ]
    pd.concat(terms).to_csv("terms.csv", index=False)
    shown = edml("predict", "terms.csv", COLUMNS="200")
    assert shown.exit_code == 0, shown.output
    rows = [line for line in shown.stdout.splitlines() if " 11 " in line]
    student = rows[0].split()[0]
    for path in Path("inferences").rglob("*Z.json"):
        assert path.parents[1].name.startswith(f"{name} (02-2025) (")
    options = ["--student", student, "--course", name]
    next_one = edml("predict", "terms.csv", *options, "--json")
    assert next_one.exit_code == 0, next_one.output
    found = json.loads(next_one.stdout)["predictions"]
    assert {str(one["legajo"]) for one in found} == {student}
