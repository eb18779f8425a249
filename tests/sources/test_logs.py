"""Logs of platforms become daily counts of what their students did."""

import csv
import gzip
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas_site import TABLES, WRITERS, write_export
from edml.exceptions import TableError
from edml.sources import make_event_table, read_canvas, read_moodle, read_tables
from edml.sources._blocks import read_blocks
from edml.sources._import_report import Tally
from edml.sources._logs import LogDays
from moodle_schema import SCHEMA, write_folder
from moodle_site import DAY, Site

pytestmark = pytest.mark.filterwarnings("ignore:Import from:UserWarning")
KEYS = ["user_uuid", "course_uuid", "particion"]
KINDS = ("forum", "quiz", "assign", "course", "other")


@pytest.fixture(scope="module")
def site():
    return Site(2)


@pytest.fixture
def folder(site, tmp_path):
    write_folder(tmp_path, site.rows, "mdl_")
    return tmp_path


def daily(X, kinds=KINDS):
    """Return the counts of each student, course, day and kind, without zeros."""
    columns = [f"activity_{kind}" for kind in kinds]
    assert sorted(X.filter(like="activity_")) == sorted(columns)
    counts = X.groupby(KEYS)[columns].sum()
    first = X.groupby(KEYS)[columns].first()
    pd.testing.assert_frame_equal(counts, first)  # in the first row of a day
    return Counter(
        {
            (*key, kind): count
            for key, row in counts.to_dict("index").items()
            for kind, count in row.items()
            if count
        }
    )


def expected_of(lines, enrolments, until):
    """Count line by line: in UTC, from the day of joining to the last day."""
    seats = {(one["student"], one["course"]): one for one in enrolments}
    found = Counter()
    for line in lines:
        seat = seats[line["student"], line["course"]]
        begin = seat["start"] // DAY
        first = max(begin, seat["joined"] // DAY)
        day = max(line["date"] // DAY, first)
        if day <= min(seat["end"] or until, until) // DAY:
            key = (str(line["student"]), str(line["course"]), day - begin)
            found[*key, f"activity_{line['kind']}"] += 1
    return found


@pytest.mark.parametrize("tick_days", [1, 7])
def test_moodle_counts_lines_of_students(folder, site, tick_days):
    X, report = read_moodle(
        folder, activity=True, tick_days=tick_days, return_report=True
    )
    truth = site.truth
    expected = expected_of(truth["activity"], truth["enrolments"], site.until)
    assert len(expected) > 100
    assert daily(X) == expected
    plain = read_moodle(folder, tick_days=tick_days)
    assert X["score"].notna().sum() == plain["score"].notna().sum()
    new = len(X) - len(plain)
    assert new == 0 if tick_days == 1 else new > 0
    seats = X[KEYS[:2]].ne(X[KEYS[:2]].shift()).any(axis=1)
    assert seats.sum() == len(X[KEYS[:2]].drop_duplicates())  # by enrolment and day
    assert (seats | (X["particion"].diff() >= 0)).all()
    rows = site.rows["logstore_standard_log"]
    assert report.read["logstore_standard_log"] == len(rows)
    left_out = sum(n for rule, n in report.rules.items() if "of the log" in rule)
    assert left_out == len(rows) - len(truth["activity"])
    assert (
        sum(expected.values())
        == len(truth["activity"])
        - report.rules["activity after the end of an enrolment was left out"]
    )


def test_every_form_of_a_log_gives_the_same(folder, site, tmp_path_factory):
    expected = read_moodle(folder, activity=True)
    name = "logstore_standard_log"
    rows = [{"id": 0} | row for row in site.rows[name]]
    other = tmp_path_factory.mktemp("other")
    write_folder(other, site.rows)
    with (other / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", *SCHEMA[name]], delimiter=";")
        writer.writerow({column: column.upper() for column in ["id", *SCHEMA[name]]})
        writer.writerows(
            {k: "NULL" if v is None else v for k, v in row.items()} for row in rows
        )
    pd.testing.assert_frame_equal(read_moodle(other, activity=True), expected)
    (other / f"{name}.csv").unlink()
    pytest.importorskip("pyarrow")
    pd.DataFrame(rows).to_parquet(other / f"{name}.parquet")
    pd.testing.assert_frame_equal(read_moodle(other, activity=True), expected)


def test_selected_courses(folder):
    X = read_moodle(folder, courses=["C12"], activity=True)
    whole = read_moodle(folder, activity=True)
    only = whole[whole["course_uuid"] == "12"].reset_index(drop=True)
    assert daily(X) == daily(only)


def test_ids_that_are_texts(site, tmp_path):
    """As pseudonyms are: each table's ids are words."""
    ids = {"id", "userid", "course", "courseid", "enrolid", "roleid", "realuserid"}
    names = ("course", "enrol", "user_enrolments", "assign", "logstore_standard_log")
    for name in names:
        table = pd.DataFrame(site.rows[name])
        for column in ids.intersection(table):
            given = table[column].notna() & (table[column] != 0)
            texts = "x" + table[column].astype("Int64").astype("str")
            table[column] = texts.where(given)
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    X = read_moodle(tmp_path, activity=True, until=site.until)
    truth = expected_of(site.truth["activity"], site.truth["enrolments"], site.until)
    expected = {(f"x{key[0]}", f"x{key[1]}", *key[2:]): n for key, n in truth.items()}
    teachers = ["x900", "x901"]  # roles are not read here
    assert daily(X[~X["user_uuid"].isin(teachers)]) == expected


def test_no_log(folder):
    (folder / "mdl_logstore_standard_log.csv").unlink()
    with pytest.raises(TableError, match="logstore_standard_log is not in the source"):
        read_moodle(folder, activity=True)
    assert not list(read_moodle(folder).filter(like="activity_"))


def test_a_log_that_begins_late_is_a_doubt(folder, site):
    file = folder / "mdl_logstore_standard_log.csv"
    table = pd.read_csv(file)
    begin = site.start_of(11) + 30 * DAY
    table[table["timecreated"] >= begin].to_csv(file, index=False)
    with pytest.warns(UserWarning, match="The log begins on .* more than 7 days after"):
        read_moodle(folder, activity=True)


# -- Canvas --------------------------------------------------------------------------

CONTROLLERS = {
    "quizzes/quizzes": "quiz",
    "discussion_topics_api": "discussion",
    "wiki_pages": "page",
    "files": "file",
    "submissions": "assignment",
    "context_modules": "module",
    "gradebooks": "grades",
    "courses": "course",
    "calendars": "other",
    None: "other",
}


def requests():
    rng = np.random.default_rng(4)
    rows = [
        {
            "id": f"{number:08x}-0000",
            "timestamp": f"2024-{month:02}-{day:02}T{hour:02}:30:00.000Z",
            "user_id": int(user) or None,
            "course_id": int(course) or None,
            "real_user_id": int(real) or None,
            "web_application_controller": controller,
            "web_application_action": str(action),
            "http_status": str(status),
            "url": "/courses/10?a=1,2",
        }
        for number, (
            month,
            day,
            hour,
            user,
            course,
            real,
            action,
            status,
            controller,
        ) in enumerate(
            zip(
                rng.integers(1, 8, 600),
                rng.integers(1, 29, 600),
                rng.integers(0, 24, 600),
                rng.choice([901, 902, 903, 904, 908, 0], 600),
                rng.choice([10, 11, 12, 0], 600),
                rng.choice([0, 0, 0, 904], 600),
                rng.choice(["show", "index", "ping"], 600),
                rng.choice([200, 200, 304, 404], 600),
                rng.choice(np.array([*CONTROLLERS], dtype=object), 600),
                strict=True,
            )
        )
    ]
    rows[0] |= {"user_id": 901, "course_id": 10, "real_user_id": 901}
    return rows


@pytest.mark.parametrize("suffix", WRITERS)
def test_canvas_counts_requests_of_students(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    lines = requests()
    folder = write_export(tmp_path, TABLES | {"web_logs": lines}, suffix=suffix)
    X, report = read_canvas(folder, activity=True, return_report=True)
    until = pd.Timestamp("2024-07-28").timestamp()
    starts = {10: "2024-02-01", 11: "2024-02-05"}
    seats = {  # joined and end, as in canvas_site
        (901, 10): ("2024-01-20", "2024-06-30"),
        (902, 10): ("2024-01-20", "2024-06-30"),
        (903, 10): ("2024-02-12", "2024-05-01"),
        (908, 10): ("2024-01-20", "2024-03-10"),
        (901, 11): ("2024-01-20", "2024-08-31"),
        (902, 11): ("2024-01-20", "2024-04-02"),
    }
    enrolments = [
        {
            "student": student,
            "course": course,
            **{
                name: pd.Timestamp(date).timestamp()
                for name, date in (("start", starts[course]), ("joined", a), ("end", b))
            },
        }
        for (student, course), (a, b) in seats.items()
    ]
    counting = [
        {
            "student": line["user_id"],
            "course": line["course_id"],
            "date": pd.Timestamp(line["timestamp"]).timestamp(),
            "kind": CONTROLLERS[line["web_application_controller"]],
        }
        for line in lines
        if (line["user_id"], line["course_id"]) in seats
        and line["real_user_id"] in (None, line["user_id"])
        and line["web_application_action"] != "ping"
        and line["http_status"] != "404"
    ]
    kinds = {line["kind"] for line in counting}
    assert daily(X, kinds) == expected_of(counting, enrolments, until)
    assert report.read["web_logs"] == 600
    left_out = sum(n for rule, n in report.rules.items() if "of the log" in rule)
    assert left_out == 600 - len(counting)
    assert not any("ignored" in note for note in report.notes)


def test_canvas_without_its_log(tmp_path):
    folder = write_export(tmp_path)
    with pytest.raises(TableError, match="has no table web_logs"):
        read_canvas(folder, activity=True)
    write_export(tmp_path, {"web_logs": [{"id": 1, "user_id": 2}]})
    with pytest.raises(TableError, match=r"web_logs lacks the columns \['course_id'"):
        read_canvas(folder, activity=True)


# -- tidy tables ---------------------------------------------------------------------


def test_tidy_activity_keeps_to_an_enrolment(tmp_path):
    enrolments = pd.DataFrame(
        {
            "student": [7, 8],
            "course": "ART",
            "start": "2024-02-05",
            "joined": ["", "2024-02-12"],
            "end": "2024-03-01",
        }
    )
    assignments = pd.DataFrame({"course": ["ART"], "assignment": [1], "name": "Essay"})
    submissions = pd.DataFrame(columns=["student", "course", "assignment"])
    activity = pd.DataFrame(
        [
            (7, "2024-02-05T23:59:59Z", "lesson", 1),
            (7, "2024-02-06T00:00:00Z", "lesson", 2),
            (7, "2024-02-06T08:00:00Z", "On-line forum", 3),
            (8, "2024-02-01T08:00:00Z", "lesson", 4),  # before joining: on day 7
            (8, "2024-03-02T08:00:00Z", "lesson", 5),  # after the end
        ],
        columns=["student", "date", "kind", "count"],
    ).assign(course="ART")
    tables = {
        "enrolments": enrolments,
        "assignments": assignments,
        "submissions": submissions,
        "activity": activity,
    }
    X, report = make_event_table(**tables, return_report=True)
    assert daily(X, ["lesson", "on_line_forum"]) == {
        ("7", "ART", 0, "activity_lesson"): 1,
        ("7", "ART", 1, "activity_lesson"): 2,
        ("7", "ART", 1, "activity_on_line_forum"): 3,
        ("8", "ART", 7, "activity_lesson"): 4,
    }
    assert report.rules == {
        "activity before the start of an enrolment counts on its first day": 1,
        "activity after the end of an enrolment was left out": 1,
    }
    assert X["particion"].max() == 25  # to the end, not to the last of these
    students = pd.DataFrame({"student": [7, 8], "school": ["A", "B"]})
    for name, table in {**tables, "students": students}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    found = read_tables(tmp_path)
    assert (
        found.pop("school").tolist()
        == X["user_uuid"].map({"7": "A", "8": "B"}).tolist()
    )
    pd.testing.assert_frame_equal(found, X)
    with pytest.raises(TableError, match="are of a student who is not enrolled"):
        make_event_table(**tables | {"activity": activity.assign(student=9)})
    with pytest.raises(
        TableError, match="activity: Column 'date': 5 of 5 rows have no"
    ):
        make_event_table(**tables | {"activity": activity.assign(date=None)})


# -- adding up -----------------------------------------------------------------------

LINES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "stranger"]),
        st.sampled_from(["x", "y", "elsewhere"]),
        st.sampled_from(["k", "l"]),
        st.integers(0, 3 * DAY),
        st.booleans(),
        st.integers(1, 4),
    ),
    max_size=40,
)


@given(LINES, st.integers(1, 7))
def test_blocks_add_up_to_counting_line_by_line(lines, size):
    pairs = pd.DataFrame({"student": ["a", "b", "a"], "course": ["x", "x", "y"]})
    days = LogDays(pairs.assign(start=0), str.upper)
    for begin in range(0, len(lines), size):
        columns = zip(*lines[begin : begin + size], strict=True)
        student, course, kind, date, bad, count = (pd.Series([*one]) for one in columns)
        days.add(student, course, kind, date, bad, count=count)
    tally = Tally()
    found = days.finish("log", tally)
    expected, left_out = Counter(), Counter()
    for student, course, kind, date, bad, count in lines:
        if (student, course) not in [("a", "x"), ("b", "x"), ("a", "y")]:
            left_out["not of a student"] += count
        elif date == 0:
            left_out["without a date"] += count
        elif bad:
            left_out["no person"] += count
        else:
            expected[student, course, date // DAY * DAY, kind.upper()] += count
    keys = ["student", "course", "date", "kind"]
    assert found.set_index(keys)["count"].to_dict() == expected
    assert sum(left_out.values()) == sum(tally.rules.values())
    assert tally.tables == {"log": sum(line[-1] for line in lines)}
    for words, number in left_out.items():
        assert [n for rule, n in tally.rules.items() if words in rule] == [number]


# -- blocks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "id,b\n1,2\n3\n",
            "Expected 2 fields in every line.*found 1 in line 3",
        ),
        ("a.csv", 'id,b\n1,"2\n', "a.csv: The quotes near line"),
        ("a.tsv", "id\tb\n1\t2\t3\n", "found 3 in line 2"),
        ("a.jsonl", '{"id": 1}\n[2]\n', "one JSON object per line; line 2 is not"),
        ("a.jsonl.gz", "", "a.jsonl.gz cannot be read as jsonl"),
        ("a.csv", b"id,b\n1,\xff\n", "a.csv cannot be read as csv: UnicodeDecodeError"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode() or b"none")
    with pytest.raises(TableError, match=message):
        list(read_blocks(path, ["id", "b"]))


def test_blocks_hold_the_wanted_columns(tmp_path):
    path = tmp_path / "a.tsv.gz"
    with gzip.open(path, "wt") as file:
        file.write('b\tID\tother\n"x\\\\\\tn\t1\t\n\\N\t\t5\n\n\t2\t\n')
    (block,) = read_blocks(path, ["id", "b"])
    assert block["b"].isna().tolist() == [False, True, True]
    assert block["b"].iloc[0] == '"x\\\tn'
    assert block["id"].iloc[[0, 2]].tolist() == ["1", "2"]
    assert block.index.tolist() == [2, 3, 5]
    path = tmp_path / "a.json"
    row = {"key": {"id": 3}, "value": {"B": [1, 2], "c": 4}}
    path.write_text(f"\n{json.dumps(row)}\n")
    (block,) = read_blocks(path, ["id", "b"])
    assert block.to_dict("records") == [{"id": 3, "b": "[1, 2]"}]
    assert block.index.tolist() == [2]
