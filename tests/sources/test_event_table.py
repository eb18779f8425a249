"""make_event_table: equal to plain loops over the same tables, and clear errors."""

import math
import re
import warnings
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import as_of, make_target
from edml.exceptions import TableError
from edml.feature_extraction import FeatureEngineer
from edml.schema import COLUMNS
from edml.sources import ImportReport, make_event_table
from edml.testing import check_no_lookahead
from strategies import n_examples
from tables_oracle import DAY, event_rows

# what an import warns of is tested by itself
pytestmark = pytest.mark.filterwarnings("ignore:Import from:UserWarning")


START = 1_707_091_200  # midnight UTC, 5 February 2024
COLUMNS_OF = {
    "enrolments": ["student", "course", "start", "joined", "end"],
    "assignments": [
        *("course", "assignment", "name", "unlock", "due", "created", "lock"),
        *("points_possible", "student"),
    ],
    "submissions": [
        *("student", "course", "assignment", "submitted", "graded", "score"),
        *("submission", "kind"),
    ],
    "exams": ["student", "course", "exam", "date", "graded", "grade"],
    "outcomes": ["student", "course", "final_grade"],
}

STUDENTS, COURSES = ["1004", "01004", "ana"], ["7", "B"]
IDS = ["1", "2", "x"]
DATES = st.builds(
    lambda day, second: START + day * DAY + second,
    st.integers(-3, 12),
    st.sampled_from([0, 1, 43_200, DAY - 1]),
)
MAYBE = st.one_of(st.none(), DATES)
GRADES = st.one_of(st.none(), st.sampled_from([0.0, 2.5, 4.0, 7.1, 10.0]))
SCORES = st.one_of(st.none(), st.sampled_from([0.0, 33.3, 66.7, 100.0, 50.0]))


@st.composite
def table_sets(draw):
    """Draw five tables as lists of dicts, whose ids fit together."""
    seats = draw(
        st.lists(
            st.tuples(st.sampled_from(STUDENTS), st.sampled_from(COURSES)),
            min_size=1,
            max_size=5,
            unique=True,
        )
    )
    enrolments = [
        {
            "student": student,
            "course": course,
            "start": START + draw(st.sampled_from([0, 5, 2 * DAY])),
            "joined": draw(MAYBE),
            "end": draw(MAYBE),
        }
        for student, course in seats
    ]
    courses = list(dict.fromkeys(course for _, course in seats))
    work = [(course, one) for course in courses for one in IDS]
    assignments = []
    for course, one in work:
        owners = [s for s, c in seats if c == course]
        owners = draw(st.lists(st.sampled_from([None, None, *owners]), unique=True))
        assignments += [
            {
                "course": course,
                "assignment": one,
                "name": draw(st.sampled_from(["Essay", "Essay", " Lab", "Lab (2)"])),
                **{name: draw(MAYBE) for name in ("unlock", "due", "created", "lock")},
                "points_possible": 20.0,
                "student": owner,
            }
            for owner in owners
        ]
    assignments = draw(st.permutations(assignments))
    known = list(dict.fromkeys((a["course"], a["assignment"]) for a in assignments))
    pairs = [(s, c, a) for s, c in seats for course, a in known if course == c]
    submissions = []
    for student, course, one in draw(
        st.lists(st.sampled_from(pairs), max_size=14) if pairs else st.just([])
    ):
        submitted, graded, score = draw(MAYBE), draw(MAYBE), draw(SCORES)
        if submitted is None and graded is None:
            score = None
        submissions.append(
            {
                "student": student,
                "course": course,
                "assignment": one,
                "submitted": submitted,
                "graded": graded,
                "score": score,
                "submission": str(len(submissions)),
                "kind": draw(st.sampled_from([None, "online_upload"])),
            }
        )
    exams = [
        {
            "student": student,
            "course": course,
            "exam": draw(st.sampled_from(["Midterm", "Final"])),
            "date": draw(DATES),
            "graded": draw(MAYBE),
            "grade": draw(GRADES),
        }
        for student, course in draw(st.lists(st.sampled_from(seats), max_size=6))
    ]
    outcomes = [
        {"student": student, "course": course, "final_grade": draw(GRADES)}
        for student, course in draw(st.lists(st.sampled_from(seats), unique=True))
    ]
    return {
        "enrolments": enrolments,
        "assignments": assignments,
        "submissions": submissions,
        "exams": exams,
        "outcomes": outcomes,
    }


def as_tables(rows):
    return {
        name: pd.DataFrame(rows.get(name, []), columns=columns)
        for name, columns in COLUMNS_OF.items()
    }


def import_rows(rows, **how):
    tables = as_tables(rows)
    if not len(tables["assignments"]):
        tables["assignments"] = tables["assignments"].astype(object)
    return make_event_table(**tables, **how)


def plain(value):
    """Return a value that compares: numbers rounded, texts as they are."""
    return value if isinstance(value, str) else round(float(value), 9)


def content(rows):
    """Return rows as sorted tuples of their filled columns."""
    return sorted(
        sorted((name, plain(value)) for name, value in row.items()) for row in rows
    )


def filled(X):
    skipped = ("periodo", "course_name", "legajo")
    return [
        {
            name: value
            for name, value in row.items()
            if name not in skipped
            and not (isinstance(value, float) and math.isnan(value))
        }
        for row in X.to_dict("records")
    ]


@settings(max_examples=n_examples(100))
@given(
    table_sets(),
    st.sampled_from([1, 1, 3, 7]),
    st.one_of(st.just(START + 9 * DAY), st.just(START + 6 * DAY + 5)),
    st.sampled_from([None, 6.0]),
)
def test_equals_plain_loops(rows, tick_days, until, passing):
    how = {"until": until, "tick_days": tick_days, "passing_grade": passing}
    X = import_rows(rows, **how)
    assert content(filled(X)) == content(event_rows(**rows, **how))
    assert list(X.columns) == list(COLUMNS)
    seats = {
        pair: n
        for n, pair in enumerate(
            (row["student"], row["course"]) for row in rows["enrolments"]
        )
    }
    place = [seats[pair] for pair in zip(X["user_uuid"], X["course_uuid"], strict=True)]
    order = list(zip(place, X["particion"], strict=True))
    assert order == sorted(order)


def seen_by(rows, day):
    """Return the tables as an export at the end of a day would have them."""
    end = (day + 1) * DAY

    def seen(date):
        return date is not None and date < end

    submissions = []
    for row in rows["submissions"]:
        known = row["submitted"] if row["graded"] is None else row["graded"]
        shown = {
            "submitted": row["submitted"] if seen(row["submitted"]) else None,
            "graded": row["graded"] if seen(row["graded"]) else None,
            "score": row["score"] if seen(known) else None,
        }
        submissions.append(row | shown)
    exams = [row for row in rows["exams"] if seen(max(row["date"], row["graded"] or 0))]
    return rows | {"submissions": submissions, "exams": exams}


def features(X):
    keys = ["user_uuid", "course_uuid", "particion"]
    found = FeatureEngineer().fit_transform(X)
    return found.drop_duplicates(keys).set_index(keys).sort_index()


@settings(max_examples=n_examples(60))
@given(table_sets(), st.integers(0, 11))
def test_earlier_export_gives_the_same_features(rows, days):
    """No look-ahead: an export of an earlier day gives the rows of a later one."""
    day = START // DAY + days
    late = import_rows(rows, until=START + 12 * DAY)
    early = import_rows(seen_by(rows, day), until=day * DAY)
    start = {
        (row["student"], row["course"]): row["start"] // DAY
        for row in rows["enrolments"]
    }
    begin = [
        start[pair] for pair in zip(late["user_uuid"], late["course_uuid"], strict=True)
    ]
    if not len(early):
        assert (np.array(begin) + late["particion"] > day).all()
        return
    shown = features(late).loc[features(early).index]
    pd.testing.assert_frame_equal(features(early), shown, rtol=1e-9, atol=1e-9)
    assert (np.array(begin) + late["particion"] <= day).sum() == len(early)


@settings(max_examples=n_examples(40))
@given(table_sets())
def test_no_lookahead_in_features(rows):
    X = import_rows(rows, until=START + 12 * DAY)
    if len(X):
        check_no_lookahead(FeatureEngineer(), X)


@settings(max_examples=n_examples(100))
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([0.0, 33.3, 66.6, 0.1, 100.0])),
        min_size=1,
        max_size=6,
        unique_by=lambda version: version[0],
    ),
    st.integers(-2, 9),
    st.booleans(),
)
def test_score_on_each_day_is_the_version_known_then(versions, submitted, joined_late):
    """Re-grades count from their day on, and a re-grade to 0 is exactly a zero."""
    rows = {
        "enrolments": [
            {
                "student": "1",
                "course": "A",
                "start": START,
                "joined": START + 2 * DAY if joined_late else None,
            }
        ],
        "assignments": [{"course": "A", "assignment": "1", "name": "Essay"}],
        "submissions": [
            {
                "student": "1",
                "course": "A",
                "assignment": "1",
                "submitted": START + submitted * DAY,
                "graded": START + day * DAY + 60,
                "score": score,
            }
            for day, score in versions
        ],
    }
    found = features(import_rows(rows, until=START + 10 * DAY)).loc[("1", "A")]
    for day, row in found.iterrows():
        known = [version for version in sorted(versions) if version[0] <= day]
        score = known[-1][1] if known else 0.0
        assert math.isclose(row["score_mean"], score, rel_tol=1e-9, abs_tol=1e-9)
        assert row["assignment_zero_sum"] == float(bool(known) and score == 0)
        shown = submitted <= day or bool(known)
        assert row["assignment_n_sum"] == float(shown)


def small(**changes):
    """Return five small tables, some of them changed."""
    tables = {
        "enrolments": pd.DataFrame(
            {
                "student": ["007", "8"],
                "course": ["C1", "C1"],
                "start": ["2024-02-05", "2024-02-05"],
                "end": ["2024-03-01", "2024-03-01"],
            }
        ),
        "assignments": pd.DataFrame(
            {
                "course": ["C1"],
                "assignment": ["1"],
                "name": ["Lab"],
                "due": ["2024-02-07"],
            }
        ),
        "submissions": pd.DataFrame(
            {
                "student": ["007"],
                "course": ["C1"],
                "assignment": ["1"],
                "submitted": ["2024-02-06T10:00:00Z"],
                "score": [80],
            }
        ),
        "exams": pd.DataFrame(
            {
                "student": ["8"],
                "course": ["C1"],
                "exam": ["Midterm"],
                "date": ["2024-02-09"],
                "grade": [7],
            }
        ),
        "outcomes": pd.DataFrame(
            {"student": ["007", "8"], "course": "C1", "final_grade": [9, 3]}
        ),
    }
    for name, change in changes.items():
        tables[name] = tables[name].assign(**change)
    return tables


@pytest.mark.parametrize(
    "students",
    [
        [1004, 8],
        [1004.0, 8.0],
        ["1004", "8"],
        ["1004.0", " 8 "],
        np.array([1004, "8"], dtype=object),
        pd.array([1004, 8], dtype="Int64"),
        pd.Categorical(["1004", "8"]),
    ],
    ids=repr,
)
def test_ids_of_any_type_are_one_id(students):
    tables = small(
        enrolments={"student": students},
        submissions={"student": 1004},
        exams={"student": "8"},
        outcomes={"student": [1004.0, 8.0]},
    )
    X = make_event_table(**tables)
    assert set(X["user_uuid"]) == {"1004", "8"}
    assert X["ass_name_sub"].notna().sum() == 1


def test_leading_zeros_are_kept():
    tables = small(submissions={"student": 7}, outcomes={"student": [7, 8]})
    with pytest.raises(
        TableError, match=r"submissions: .*1 of 1 rows are of a student"
    ):
        make_event_table(**tables)
    assert set(make_event_table(**small())["user_uuid"]) == {"007", "8"}


@pytest.mark.parametrize(
    "dates",
    [
        ["2024-02-05", "2024-02-05T00:00:00"],
        [datetime(2024, 2, 5, tzinfo=UTC)] * 2,
        [datetime(2024, 2, 5)] * 2,
        [START, START + 5],
        [str(START), str(START)],
        [START * 1000, START * 1000],
        ["2024-02-05T02:30:00+02:00", "2024-02-05 00:00:00Z"],
        pd.to_datetime(["2024-02-05", "2024-02-05"]).date,
    ],
    ids=repr,
)
def test_dates_of_any_form_are_one_date(dates):
    X = make_event_table(**small(enrolments={"start": dates}))
    expected = make_event_table(**small())
    pd.testing.assert_frame_equal(X, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"enrolments": {"start": ["soon", "2024-02-05"]}}, "1 of 2 rows hold no date"),
        ({"enrolments": {"start": [1.7e10, 1.7e10]}}, "outside 1990 to 2100"),
        ({"enrolments": {"start": [None, "2024-02-05"]}}, "'start'.* have no value"),
        ({"enrolments": {"student": ["8", 8]}}, "repeat another row's student"),
        ({"enrolments": {"student": [1.5, 8]}}, "an id with decimals"),
        ({"enrolments": {"student": [2.0**60, 8]}}, "too large to be exact"),
        (
            {"enrolments": {"student": pd.array([None, 8], dtype="Int64")}},
            r"'student'.* have no value",
        ),
        ({"enrolments": {"student": [None, 8]}}, "'student'.* have no value"),
        ({"assignments": {"course": "X"}}, "assignments: .*course that enrolments"),
        ({"assignments": {"name": " "}}, "'name'.* have no value"),
        ({"assignments": {"student": "777"}}, "assignments: .*not enrolled"),
        ({"submissions": {"course": "X"}}, "submissions: .*course that enrolments"),
        ({"submissions": {"student": "777"}}, "submissions: .*not enrolled"),
        ({"submissions": {"assignment": "9"}}, "an assignment that the course lacks"),
        ({"submissions": {"submitted": None}}, "neither 'submitted' nor 'graded'"),
        ({"submissions": {"score": "good"}}, "submissions: .*are not numbers"),
        ({"exams": {"date": None}}, "exams: .*'date'.* have no value"),
        ({"exams": {"exam": None}}, "exams: .*'exam'.* have no value"),
        ({"exams": {"grade": 75}}, "lie above grade_scale=10"),
        ({"outcomes": {"final_grade": [90, 30]}}, "grade_scale=100"),
        ({"outcomes": {"student": "8"}}, "outcomes: .*repeat another"),
    ],
)
def test_unreadable_tables(changes, message):
    tables = small(**changes)
    with pytest.raises(TableError, match=message) as raised:
        make_event_table(**tables)
    assert "777" not in str(raised.value)
    assert "007" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("enrolments", "start", r"enrolments lacks the columns \['start'\]"),
        ("assignments", "name", r"assignments lacks the columns \['name'\]"),
        ("submissions", "assignment", r"submissions lacks .*'assignment'"),
        ("exams", "date", r"exams lacks .*'date'"),
        ("outcomes", "final_grade", r"outcomes lacks .*'final_grade'"),
    ],
)
def test_missing_columns_are_named(name, column, message):
    tables = small()
    tables[name] = tables[name].rename(columns={column: f"{column}s"})
    with pytest.raises(TableError, match=message) as raised:
        make_event_table(**tables)
    assert f"Similar columns: {{'{column}': '{column}s'}}" in str(raised.value)


def test_tables_that_are_no_tables():
    with pytest.raises(
        TableError, match="exams must be a pandas DataFrame, found list"
    ):
        make_event_table(**small() | {"exams": []})
    doubled = pd.concat([small()["exams"]] * 2, axis=1)
    with pytest.raises(TableError, match=r"exams has the columns .* more than once"):
        make_event_table(**small() | {"exams": doubled})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"unknown": "skip"}, "unknown is 'raise' or 'drop'"),
        ({"tick_days": 0}, "tick_days == 0, must be >= 1"),
        ({"grade_scale": 0}, "grade_scale == 0, must be > 0"),
        ({"passing_grade": 10}, "passing_grade == 10, must be < 10"),
        ({"until": "never"}, "until: .*hold no date"),
    ],
)
def test_invalid_parameters(how, message):
    with pytest.raises(ValueError, match=message):
        make_event_table(**small(), **how)


def test_unknown_rows_can_be_dropped():
    tables = small()
    extra = tables["submissions"].assign(student="777")
    tables["submissions"] = pd.concat([tables["submissions"], extra])
    X, report = make_event_table(**tables, unknown="drop", return_report=True)
    pd.testing.assert_frame_equal(X, make_event_table(**small()))
    rule = "submissions of a student who is not enrolled in the course were left out"
    assert report.rules == {rule: 1}
    with pytest.raises(TableError, match="none of the 1 rows matches"):
        make_event_table(**small(submissions={"student": "777"}), unknown="drop")


def test_running_courses_need_a_last_day():
    tables = small(enrolments={"end": None})
    assert make_event_table(**tables)["particion"].max() == 4  # the exam's day
    none = {name: tables[name].iloc[:0] for name in ("submissions", "exams")}
    with pytest.raises(TableError, match=r"2 of 2 rows have no 'end'.* pass until="):
        make_event_table(**tables | none)
    X = make_event_table(**tables | none, until="2024-02-10T12:00:00Z")
    assert X["particion"].max() == 5


def test_report_counts_what_the_table_holds():
    late = small()["submissions"].assign(submitted="2024-03-02T00:00:00Z")
    empty = late.assign(submitted=None, score=None)
    tables = small()
    tables["submissions"] = pd.concat([tables["submissions"], late, empty])
    tables["enrolments"]["tutor"] = "A"
    X, report = make_event_table(**tables, return_report=True)
    assert isinstance(report, ImportReport)
    assert report.read == {
        "enrolments": 2,
        "assignments": 1,
        "submissions": 3,
        "exams": 1,
        "outcomes": 2,
    }
    assert report.made == {
        "enrolments": 2,
        "students": 2,
        "courses": 1,
        "assignments": 1,
        "submissions": 1,
        "grades": 1,
        "exams": 1,
        "outcomes": 2,
        "rows": len(X),
    }
    assert report.rules == {
        "a later grade replaced an earlier one": 1,
        "submissions without a date and a score were left out": 1,
        "submissions and exams after the end of an enrolment were left out": 1,
    }
    assert report.exams == ("Midterm",)
    assert report.assignments == ("Lab",)
    assert any("['tutor'] were ignored" in note for note in report.notes)
    assert report.to_dict()["exams"] == ["Midterm"]
    assert "Exams: Midterm." in str(report)


def test_rows_that_are_left_out_are_a_warning_without_a_report():
    tables = small()
    late = tables["submissions"].assign(submitted="2024-03-02T00:00:00Z")
    tables["submissions"] = pd.concat([tables["submissions"], late])
    said = "Import from tables: 1 row: submissions and exams after the end"
    with pytest.warns(UserWarning, match=said):
        make_event_table(**tables)
    with warnings.catch_warnings(action="error"):
        make_event_table(**small())


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["Midterm", "Quiz X"],
            "'Midterm', 'Quiz X'. Pass exam_kinds='english'",
        ),
        (["Klausur"], r"'Klausur'. Name those of each kind with exam_kinds=\{kind"),
    ],
)
def test_exams_without_a_kind_are_noted(names, said):
    exams = pd.concat([small()["exams"].assign(exam=name) for name in names])
    _, report = make_event_table(**small() | {"exams": exams}, return_report=True)
    assert re.search(said, report.notes[-1])
    exams.iloc[0, exams.columns.get_loc("exam")] = "PRIMER PARCIAL(20)"
    _, report = make_event_table(**small() | {"exams": exams}, return_report=True)
    assert not any("of a kind" in note for note in report.notes)


def test_periods_are_read_or_inferred():
    X, report = make_event_table(**small(), return_report=True)
    assert set(X["periodo"]) == {"01-2024"}
    assert any("Periods were inferred" in note for note in report.notes)
    tables = small(enrolments={"period": ["2-2023", "02-2023"]})
    X, report = make_event_table(**tables, return_report=True)
    assert set(X["periodo"]) == {"02-2023"}
    assert not any("Periods" in note for note in report.notes)
    with pytest.raises(TableError, match=r"enrolments: .*'period'.* hold no period"):
        make_event_table(**small(enrolments={"period": "spring"}))


@pytest.mark.parametrize(
    ("scale", "passing", "grades", "fails"),
    [
        (10, None, [4.0, 3.9], [0, 1]),
        (100, None, [40.0, 39.9], [0, 1]),
        (100, 60, [60.0, 59.99], [0, 1]),
        (20, 10, [10.0, 9.5], [0, 1]),
    ],
)
def test_passing_grade_becomes_the_one_that_the_target_expects(
    scale, passing, grades, fails
):
    tables = small(outcomes={"final_grade": grades}, exams={"grade": scale})
    X = make_event_table(**tables, grade_scale=scale, passing_grade=passing)
    assert list(make_target(X).groupby(X["user_uuid"]).first()) == fails
    assert X["nota_parcial"].max() == 10
    assert X["nota_final_materia"].between(0, 10).all()


def test_table_is_read_again_from_an_earlier_day():
    X = make_event_table(**small())
    assert len(as_of(X, 2)) < len(X)
    assert len(features(as_of(X, 2))) == 6  # two students, three days
