"""A small Canvas of known history, and its export in every form that Canvas writes.

`TABLES` are the rows of Canvas Data 2; `TIDY` says what `make_event_table` should be
given for them. Dates are written as month and day.
"""

import csv
import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

TS = "2024-07-15T03:00:00Z"  # when the export was made


def _value(cell):
    if cell in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[cell]
    if re.fullmatch(r"\d\d-\d\d", cell):
        return f"2024-{cell}T12:00:00Z"
    return float(cell) if "." in cell else int(cell) if cell.isdigit() else cell


def _rows(text, **constants):
    header, *lines = text.strip().splitlines()
    return [
        dict(zip(header.split("|"), map(_value, line.split("|")), strict=True))
        | constants
        for line in lines
    ]


TABLES = {
    "enrollment_terms": _rows("""
id|name|start_at|end_at|workflow_state
1|Spring|02-01|06-30|active
"""),
    "courses": _rows("""
id|name|course_code|enrollment_term_id|start_at|conclude_at|created_at|workflow_state
10|Biology|BIO|1|||01-05|available
11|Chemistry|CHE|1|02-05|08-31|01-05|available
12|Dropped|X|1|||01-05|deleted
13|Draft|Y|1|||01-05|claimed
"""),
    "course_sections": _rows("""
id|course_id|start_at|end_at|restrict_enrollments_to_section_dates
100|10|||false
101|10|02-03|05-01|true
110|11|02-09|02-10|false
"""),
    "enrollments": _rows("""
id|user_id|course_id|course_section_id|type|workflow_state|created_at|updated_at|\
completed_at
1|901|10|100|StudentEnrollment|active|01-20|01-20|
2|902|10|100|StudentEnrollment|active|01-20|01-20|
3|902|10|101|StudentEnrollment|active|02-02|02-02|
4|903|10|101|StudentEnrollment|active|02-12|02-12|
5|904|10|100|TeacherEnrollment|active|01-20|01-20|
6|905|10|100|StudentViewEnrollment|active|01-20|01-20|
7|906|10|100|StudentEnrollment|deleted|01-20|02-20|
8|907|10|100|StudentEnrollment|invited|01-20|01-20|
9|908|10|100|StudentEnrollment|inactive|01-20|03-10|
10|901|11|110|StudentEnrollment|active|01-20|01-20|
11|902|11|110|StudentEnrollment|completed|01-20|04-02|04-02
12|901|12|120|StudentEnrollment|active|01-20|01-20|
"""),
    "assignment_groups": _rows("""
id|name
5|Homework
6|Tests
"""),
    "assignments": _rows(
        """
id|context_id|title|workflow_state|due_at|unlock_at|points_possible|grading_type|\
submission_types|only_visible_to_overrides|assignment_group_id
1|10|Essay|published|02-20|02-06|20|points|online_upload|false|5
2|10|Lab|published|03-01|02-06|10|points|online_upload|false|5
3|10|Draft|unpublished|03-01||10|points|online_upload|false|5
4|10|Gone|deleted|03-01||10|points|online_upload|false|5
5|10|Survey|published|03-01|||not_graded|online_upload|false|5
6|10|Talk|published|03-08||50|points|on_paper|false|5
7|10|Section B|published|03-04||10|points|online_upload|true|5
8|10|Midterm exam|published|03-15||40|points|online_quiz|false|6
9|10|Bonus|published|||0|points|online_upload|false|5
10|10|Report|published|03-20||10|points|online_upload|false|5
20|11|Essay|published|02-20||10|points|online_upload|false|5
""",
        context_type="Course",
        created_at="2024-01-10T12:00:00Z",
    ),
    "assignment_overrides": _rows(
        """
id|assignment_id|set_type|set_id|workflow_state|due_at|due_at_overridden|unlock_at|\
unlock_at_overridden
1|2|ADHOC||active|03-03|true||false
2|2|CourseSection|101|active|03-06|true|02-08|true
3|2|CourseSection|100|deleted|03-30|true||false
4|7|CourseSection|101|active||false||false
5|10|ADHOC||active||true||false
6|1|Group|77|active|04-30|true||false
""",
        lock_at=None,
        lock_at_overridden=False,
    ),
    "assignment_override_students": _rows("""
id|assignment_override_id|user_id|workflow_state
1|1|902|active
2|5|901|active
3|1|901|deleted
"""),
    "group_memberships": _rows("""
id|group_id|user_id|workflow_state
1|77|901|rejected
2|78|902|accepted
"""),
    "submissions": _rows(
        """
id|assignment_id|user_id|workflow_state|published_score|submitted_at|graded_at|\
posted_at|excused|submission_type|points_deducted
1|1|901|graded|15|02-19|02-22|02-25||online_upload|
2|1|902|graded|18|02-18|03-02|02-25|false|online_upload|2
3|1|903|graded|0||02-21|02-21|false||
4|1|908|graded|0||||false||
5|2|901|submitted||02-28|||false|online_upload|
6|2|902|graded|7|03-03|03-04||false|online_upload|
7|2|903|unsubmitted|||||false||
8|6|901|graded|40||03-09|03-10|false||
9|7|903|graded|5|03-04|03-05|03-05|false|online_upload|
10|8|901|graded|30|03-15|03-15|03-18|false|online_quiz|
11|8|902|graded|22||03-16||false||
12|9|901|graded|3|02-27|02-28|02-28|false|online_upload|
13|10|902|unsubmitted|||||true||
14|10|903|deleted|||||false||
15|10|901|graded|9|03-19|03-21|03-21|false|online_upload|
16|20|901|graded|8|02-21|02-23|02-23|false|online_upload|
17|20|902|graded|4||||false||
18|1|904|submitted||02-19|||false|online_upload|
""",
        updated_at="2024-06-01T12:00:00Z",
    ),
    "quizzes": _rows("""
id|assignment_id|quiz_type|workflow_state
50|8|assignment|published
"""),
    "quiz_submissions": _rows("""
id|quiz_id|user_id|workflow_state|was_preview|finished_at|updated_at|score|\
kept_score|quiz_points_possible|attempt
1|50|901|complete|false|03-15|03-15|30|30|40|1
2|50|904|complete|true|03-15|03-15|40|40|40|1
3|50|903|complete|false|03-15|03-15|10|10|40|1
"""),
    "scores": _rows("""
id|enrollment_id|course_score|grading_period_id|assignment_group_id|workflow_state|\
current_score|final_score|override_score
1|1|true|||active|90|72.5|
2|1|false|3||active|99|99|
3|2|true|||active|80|50|60
4|3|true|||active|80|50|60
5|4|true|||deleted|80|80|
6|10|true|||active|80|80|
7|11|true|||active|40|40|
"""),
}

#: The same history as `make_event_table` takes it.
TIDY = {
    "enrolments": _rows("""
course|start|course_name|student|joined|end
10|02-01|Biology|901|01-20|06-30
10|02-01|Biology|902|01-20|06-30
10|02-01|Biology|903|02-12|05-01
10|02-01|Biology|908|01-20|03-10
11|02-05|Chemistry|901|01-20|08-31
11|02-05|Chemistry|902|01-20|04-02
"""),
    "assignments": _rows(
        """
assignment|name|points_possible|course|due|unlock|student
1|Essay|20|10|02-20|02-06|
2|Lab|10|10|03-01|02-06|
2|Lab|10|10|03-03|02-08|902
2|Lab|10|10|03-06|02-08|903
6|Talk|50|10|||
7|Section B|10|10|03-04||902
7|Section B|10|10|03-04||903
9|Bonus||10|||
10|Report|10|10|||901
10|Report|10|10|03-20||908
20|Essay|10|11|02-20||
""",
        created="2024-01-10T12:00:00Z",
    ),
    "submissions": _rows("""
submission|course|assignment|student|score|submitted|graded|kind
1|10|1|901|75|02-19|02-25|online_upload
2|10|1|902|90|02-18|03-02|online_upload
3|10|1|903|0||02-21|
5|10|2|901||02-28||online_upload
6|10|2|902|70|03-03|03-04|online_upload
8|10|6|901|80||03-10|
9|10|7|903|50|03-04|03-05|online_upload
12|10|9|901||02-27||online_upload
15|10|10|901|90|03-19|03-21|online_upload
16|11|20|901|80|02-21|02-23|online_upload
17|11|20|902|40||06-01|
"""),
    "exams": _rows("""
course|student|exam|grade|date|graded
10|901|Midterm exam|75|03-15|03-18
10|902|Midterm exam|55|03-15|03-16
10|903|Midterm exam|25|03-15|03-15
"""),
    "outcomes": _rows("""
course|student|final_grade
10|901|72.5
10|902|60
11|902|40
"""),
}


def nested(row, ts=TS, action=None):
    """Return a row as Canvas writes a record: its key, its value, and when."""
    meta = {"ts": ts} | ({"action": action} if action else {})
    value = {name: found for name, found in row.items() if name != "id"}
    return {"key": {"id": row["id"]}, "value": value, "meta": meta}


def flat(record):
    """Return a record under dotted names, as in CSV: ``value.user_id``."""
    return {
        f"{part}.{name}": value
        for part, fields in record.items()
        for name, value in fields.items()
    }


def _text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return value


def _write_csv(path, records):
    with _open(path) as file:
        writer = csv.DictWriter(file, list(flat(records[0])))
        writer.writeheader()
        for record in records:
            row = {name: _text(value) for name, value in flat(record).items()}
            writer.writerow(row)


def _write_tsv(path, records):
    """Write text as Canvas does: no quotes, a backslash before what is special."""
    with _open(path) as file:
        file.write("\t".join(flat(records[0])) + "\n")
        for record in records:
            cells = [
                r"\N"
                if value is None
                else str(_text(value)).replace("\\", "\\\\").replace("\t", "\\t")
                for value in flat(record).values()
            ]
            file.write("\t".join(cells) + "\n")


def write_jsonl(path, records):
    with _open(path) as file:
        for record in records:
            file.write(json.dumps(record) + "\n")


def write_plain_jsonl(path, records):
    """Write rows as others do: plain, camel case, upper-case states, blank for null."""
    with _open(path) as file:
        for record in records:
            row = record["key"] | record["value"]
            state = row.get("workflow_state")
            row = row | ({"workflow_state": state.upper()} if state else {})
            words = {name: name.split("_") for name in row}
            named = {
                name: first + "".join(word.title() for word in rest)
                for name, (first, *rest) in words.items()
            }
            row = {named[name]: "" if row[name] is None else row[name] for name in row}
            file.write(json.dumps(row) + "\n")


def _write_parquet(path, records):
    pyarrow.parquet.write_table(pa.Table.from_pylist(records), path)


def _open(path):
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


WRITERS = {
    "csv": _write_csv,
    "csv.gz": _write_csv,
    "tsv": _write_tsv,
    "tsv.gz": _write_tsv,
    "json": write_jsonl,
    "jsonl": write_jsonl,
    "jsonl.gz": write_jsonl,
    "parquet": _write_parquet,
}
#: How files may be called: with their table, or in a folder of its name.
LAYOUTS = (
    "{table}.{suffix}",
    "canvas.{table}-part-00000.{suffix}",
    "canvas_{table}_1.{suffix}",
    "{table}/job_7b9c1d2e-0f3a-4c55-9b6e-3c0a7e1d2f4b/part-00000-6c1e-c000.{suffix}",
)


def write_export(
    folder: Path, tables=TABLES, *, suffix="csv", layout=LAYOUTS[0], write=None
):
    """Write an export of the tables into a folder, and return the folder."""
    for name, rows in tables.items():
        path = folder / layout.format(table=name, suffix=suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        (write or WRITERS[suffix])(path, [nested(row) for row in rows])
    return folder
