"""Moodle's tables as its install.xml files declare them, for made-up sites.

Only the columns that an import may read, and some that it must ignore.
"""

import csv
import gzip
from pathlib import Path

import sqlalchemy as sa

INT, GRADE = sa.BigInteger, sa.Numeric(10, 5)
SHORT, NAME = sa.String(40), sa.String(1333)

#: Type of each column; those in OPTIONAL may be null, the others never are.
SCHEMA = {
    "course": {
        "category": INT,
        "fullname": NAME,
        "shortname": sa.String(255),
        "idnumber": SHORT,
        "summary": sa.Text,
        "startdate": INT,
        "enddate": INT,
        "visible": sa.SmallInteger,
    },
    "enrol": {
        "enrol": SHORT,
        "status": INT,
        "courseid": INT,
        "enrolstartdate": INT,
        "roleid": INT,
        "password": SHORT,
    },
    "user_enrolments": {
        "status": INT,
        "enrolid": INT,
        "userid": INT,
        "timestart": INT,
        "timeend": INT,
        "timecreated": INT,
        "timemodified": INT,
    },
    "role": {"name": SHORT, "shortname": SHORT, "archetype": SHORT},
    "context": {"contextlevel": INT, "instanceid": INT, "path": SHORT},
    "role_assignments": {
        "roleid": INT,
        "contextid": INT,
        "userid": INT,
        "component": SHORT,
    },
    "user": {
        "username": SHORT,
        "idnumber": SHORT,
        "firstname": SHORT,
        "lastaccess": INT,
        "email": SHORT,
    },
    "groups": {"courseid": INT, "name": NAME},
    "groups_members": {"groupid": INT, "userid": INT, "timeadded": INT},
    "groupings_groups": {"groupingid": INT, "groupid": INT},
    "modules": {"name": SHORT},
    "course_modules": {
        "course": INT,
        "module": INT,
        "instance": INT,
        "visible": sa.SmallInteger,
        "deletioninprogress": sa.SmallInteger,
    },
    "assign": {
        "course": INT,
        "name": NAME,
        "intro": sa.Text,
        "nosubmissions": sa.SmallInteger,
        "duedate": INT,
        "allowsubmissionsfromdate": INT,
        "cutoffdate": INT,
        "grade": INT,
        "timemodified": INT,
        "teamsubmission": sa.SmallInteger,
        "teamsubmissiongroupingid": INT,
        "blindmarking": sa.SmallInteger,
        "revealidentities": sa.SmallInteger,
        "attemptreopenmethod": SHORT,
        "maxattempts": sa.Integer,
        "markingworkflow": sa.SmallInteger,
    },
    "assign_submission": {
        "assignment": INT,
        "userid": INT,
        "timecreated": INT,
        "timemodified": INT,
        "timestarted": INT,
        "status": SHORT,
        "groupid": INT,
        "attemptnumber": INT,
        "latest": sa.SmallInteger,
    },
    "assign_grades": {
        "assignment": INT,
        "userid": INT,
        "timecreated": INT,
        "timemodified": INT,
        "grader": INT,
        "grade": GRADE,
        "attemptnumber": INT,
    },
    "assign_overrides": {
        "assignid": INT,
        "groupid": INT,
        "userid": INT,
        "sortorder": INT,
        "allowsubmissionsfromdate": INT,
        "duedate": INT,
        "cutoffdate": INT,
    },
    "assign_user_flags": {
        "userid": INT,
        "assignment": INT,
        "locked": INT,
        "extensionduedate": INT,
        "workflowstate": SHORT,
    },
    "quiz": {
        "course": INT,
        "name": NAME,
        "intro": sa.Text,
        "timeopen": INT,
        "timeclose": INT,
        "attempts": sa.Integer,
        "grademethod": sa.SmallInteger,
        "sumgrades": GRADE,
        "grade": GRADE,
        "timecreated": INT,
        "timemodified": INT,
        "password": SHORT,
    },
    "quiz_attempts": {
        "quiz": INT,
        "userid": INT,
        "attempt": sa.Integer,
        "uniqueid": INT,
        "layout": sa.Text,
        "preview": sa.SmallInteger,
        "state": SHORT,
        "timestart": INT,
        "timefinish": INT,
        "timemodified": INT,
        "sumgrades": GRADE,
    },
    "quiz_overrides": {
        "quiz": INT,
        "groupid": INT,
        "userid": INT,
        "timeopen": INT,
        "timeclose": INT,
    },
    "quiz_grades": {"quiz": INT, "userid": INT, "grade": GRADE, "timemodified": INT},
    "grade_items": {
        "courseid": INT,
        "itemname": sa.String(255),
        "itemtype": SHORT,
        "itemmodule": SHORT,
        "iteminstance": INT,
        "itemnumber": INT,
        "gradetype": sa.SmallInteger,
        "grademax": GRADE,
        "grademin": GRADE,
        "scaleid": INT,
        "gradepass": GRADE,
        "hidden": INT,
        "locktime": INT,
    },
    "grade_grades": {
        "itemid": INT,
        "userid": INT,
        "rawgrade": GRADE,
        "finalgrade": GRADE,
        "hidden": INT,
        "locked": INT,
        "overridden": INT,
        "excluded": INT,
        "feedback": sa.Text,
        "timecreated": INT,
        "timemodified": INT,
    },
    "grade_grades_history": {
        "action": INT,
        "oldid": INT,
        "source": SHORT,
        "timemodified": INT,
        "loggeduser": INT,
        "itemid": INT,
        "userid": INT,
        "rawgrade": GRADE,
        "finalgrade": GRADE,
        "hidden": INT,
        "overridden": INT,
        "excluded": INT,
    },
    "logstore_standard_log": {
        "eventname": sa.String(255),
        "component": sa.String(100),
        "action": sa.String(100),
        "target": sa.String(100),
        "objecttable": sa.String(50),
        "objectid": INT,
        "crud": sa.String(1),
        "edulevel": sa.SmallInteger,
        "contextid": INT,
        "contextlevel": INT,
        "contextinstanceid": INT,
        "userid": INT,
        "courseid": INT,
        "relateduserid": INT,
        "anonymous": sa.SmallInteger,
        "other": sa.Text,
        "timecreated": INT,
        "origin": sa.String(10),
        "ip": sa.String(45),
        "realuserid": INT,
    },
}
_TEXTS = (sa.String, sa.Text)
OPTIONAL = {
    "groupid",
    "userid",
    "sortorder",
    "allowsubmissionsfromdate",
    "duedate",
    "cutoffdate",
    "timeopen",
    "timeclose",
    "timestarted",
    "workflowstate",
    "sumgrades",
    "grade",
    "rawgrade",
    "finalgrade",
    "feedback",
    "timecreated",
    "timemodified",
    "courseid",
    "itemname",
    "itemmodule",
    "iteminstance",
    "itemnumber",
    "scaleid",
    "source",
    "loggeduser",
    "status",
    "objecttable",
    "objectid",
    "relateduserid",
    "origin",
    "ip",
    "realuserid",
}


def fill(name, row):
    """Return a row with Moodle's defaults, 0 and '', for what is not given."""
    kinds = SCHEMA[name]
    unknown = set(row) - set(kinds) - {"id"}
    assert not unknown, f"{name} has no {unknown}"
    empty = {
        column: "" if isinstance(kind, _TEXTS) or kind in _TEXTS else 0
        for column, kind in kinds.items()
    }
    return empty | row


def write_database(engine, rows, prefix="mdl_"):
    """Create the tables, and insert the rows."""
    metadata = sa.MetaData()
    for name in rows:
        columns = [
            sa.Column(column, kind, nullable=column in OPTIONAL)
            for column, kind in SCHEMA[name].items()
        ]
        key = sa.Column("id", INT, primary_key=True, autoincrement=False)
        sa.Table(prefix + name, metadata, key, *columns)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for name, filled in rows.items():
            if filled:
                table = metadata.tables[prefix + name]
                connection.execute(table.insert(), filled)


def write_folder(folder, rows, prefix="", *, suffix=".csv"):
    """Write a file for each table."""
    for name, filled in rows.items():
        columns = ["id", *SCHEMA[name]]
        file = Path(folder) / f"{prefix}{name}{suffix}"
        opened = gzip.open if suffix.endswith(".gz") else open
        with opened(file, "wt", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns)
            writer.writeheader()
            writer.writerows(filled)
