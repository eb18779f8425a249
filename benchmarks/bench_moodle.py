"""Import a million submissions from Moodle's database in PostgreSQL.

The goals: under 60 seconds, and memory within three times the event table. The
alternative that the time is compared with is `pandas.read_sql_query`, which fetches the
same rows and makes nothing of them.

The database is a private server of Debian's PostgreSQL. Run it without asv:
``python benchmarks/bench_moodle.py``.
"""

import json
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from database_servers import run_postgresql
from edml.sources import read_moodle
from moodle_schema import SCHEMA, write_database

N_COURSES, N_STUDENTS, N_ASSIGNMENTS = 100, 250, 40  # students are those of a course
START, DAY = 1_707_091_200, 86_400

# Enrolments and assignments are numbered through; so are submissions and grades.
FILL = """
INSERT INTO mdl_role (id, name, shortname, archetype)
  VALUES (5, '', 'student', 'student');
INSERT INTO mdl_course (id, category, fullname, shortname, idnumber, summary, startdate,
  enddate, visible)
  SELECT c, 1, 'Course ' || c, 'C' || c, '', '', :start, :start + 110 * :day, 1
  FROM generate_series(1, :courses) c;
INSERT INTO mdl_context (id, contextlevel, instanceid, path)
  SELECT c, 50, c, '' FROM generate_series(1, :courses) c;
INSERT INTO mdl_enrol (id, enrol, status, courseid, enrolstartdate, roleid, password)
  SELECT c, 'manual', 0, c, 0, 5, '' FROM generate_series(1, :courses) c;
INSERT INTO mdl_user (id, username, idnumber, firstname, lastaccess, email)
  SELECT s, '', '', '', :start + 112 * :day, '' FROM generate_series(1, :people) s;
INSERT INTO mdl_user_enrolments (id, status, enrolid, userid, timestart, timeend,
  timecreated, timemodified)
  SELECT s, 0, 1 + (s - 1) / :students, s, 0, 0, :start, :start
  FROM generate_series(1, :people) s;
INSERT INTO mdl_role_assignments (id, roleid, contextid, userid, component)
  SELECT s, 5, 1 + (s - 1) / :students, s, '' FROM generate_series(1, :people) s;
INSERT INTO mdl_assign (id, course, name, intro, nosubmissions, duedate,
  allowsubmissionsfromdate, cutoffdate, grade, timemodified, teamsubmission,
  teamsubmissiongroupingid, blindmarking, revealidentities, attemptreopenmethod,
  maxattempts, markingworkflow)
  SELECT a, 1 + (a - 1) / :assignments, 'Task ' || a, '', 0,
    :start + (2 + 2 * mod(a, :assignments)) * :day, :start, 0, 100, 0, 0, 0, 0, 0, '',
    1, 0
  FROM generate_series(1, :courses * :assignments) a;
INSERT INTO mdl_grade_items (id, courseid, itemname, itemtype, itemmodule, iteminstance,
  itemnumber, gradetype, grademax, grademin, gradepass, hidden, locktime)
  SELECT id, course, name, 'mod', 'assign', id, 0, 1, 100, 0, 0, 0, 0 FROM mdl_assign;
CREATE TEMPORARY TABLE done AS
  SELECT row_number() OVER () AS id, a.id AS assignment, s AS userid,
    a.duedate - (hashint8(s * 1000003 + a.id) & 262143) AS submitted,
    (hashint8(s * 7919 + a.id) & 127) * 0.78125 AS grade
  FROM mdl_assign a
  CROSS JOIN LATERAL generate_series(
    (a.course - 1) * :students + 1, a.course * :students) s;
INSERT INTO mdl_assign_submission (id, assignment, userid, timecreated, timemodified,
  timestarted, status, groupid, attemptnumber, latest)
  SELECT id, assignment, userid, submitted, submitted, NULL, 'submitted', 0, 0, 1
  FROM done;
INSERT INTO mdl_assign_grades (id, assignment, userid, timecreated, timemodified,
  grader, grade, attemptnumber)
  SELECT id, assignment, userid, submitted + 3 * :day, submitted + 3 * :day, 1, grade, 0
  FROM done;
INSERT INTO mdl_grade_grades (id, itemid, userid, rawgrade, finalgrade, hidden, locked,
  overridden, excluded, feedback, timecreated, timemodified)
  SELECT id, assignment, userid, grade, grade, 0, 0, 0, 0, '', NULL,
    submitted + 3 * :day
  FROM done;
INSERT INTO mdl_grade_grades_history (id, action, oldid, source, timemodified,
  loggeduser, itemid, userid, rawgrade, finalgrade, hidden, overridden, excluded)
  SELECT id, 1, id, 'mod/assign', submitted + 3 * :day, 1, assignment, userid, grade,
    grade, 0, 0, 0
  FROM done;
CREATE INDEX ON mdl_assign_submission (assignment);
ANALYZE;
"""
FETCHED = (
    "SELECT id, assignment, userid, groupid, attemptnumber, status, timemodified "
    "FROM mdl_assign_submission",
    "SELECT assignment, userid, attemptnumber, grade, timemodified "
    "FROM mdl_assign_grades",
    "SELECT itemid, userid, finalgrade, hidden, excluded, overridden, timemodified "
    "FROM mdl_grade_grades",
    "SELECT id, action, itemid, userid, finalgrade, hidden, timemodified "
    "FROM mdl_grade_grades_history",
)


@contextmanager
def make_site():
    """Yield the URL of a database with a million submissions, and their history."""
    numbers = {
        "courses": N_COURSES,
        "students": N_STUDENTS,
        "people": N_COURSES * N_STUDENTS,
        "assignments": N_ASSIGNMENTS,
        "start": START,
        "day": DAY,
    }
    with run_postgresql() as url:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        write_database(engine, {name: [] for name in SCHEMA})
        with engine.begin() as connection:
            filling = FILL
            for name, number in numbers.items():
                filling = filling.replace(f":{name}", str(number))
            connection.exec_driver_sql(filling)
        yield url


def measure(url: str, action: str) -> dict[str, float]:
    """Read in a fresh process: seconds, memory used at most, size of the result."""
    command = [sys.executable, __file__, action, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - itself
    return json.loads(done.stdout)


def read(action: str, url: str) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, processor = time.perf_counter(), time.process_time()
    if action == "read_moodle":
        X = read_moodle(url)
        size, rows = X.memory_usage(deep=True).sum(), len(X)
    else:
        with sa.create_engine(url).connect() as connection:
            tables = [
                pd.read_sql_query(sa.text(query), connection) for query in FETCHED
            ]
        size = sum(table.memory_usage(deep=True).sum() for table in tables)
        rows = sum(map(len, tables))
    seconds = time.perf_counter() - start
    processor = time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "seconds": seconds,
        "processor_seconds": processor,
        "peak_mb": peak / 1024,
        "result_mb": size / 2**20,
        "rows": rows,
    }


class ImportMillion:
    """Import a million submissions with their grades and the history of these."""

    timeout = 1200
    number = repeat = 1
    results: dict[str, dict[str, float]] = {}

    def setup_cache(self):
        with make_site() as url:
            shown = url.render_as_string(hide_password=False)
            return {
                action: measure(shown, action) for action in ("read_moodle", "pandas")
            }

    def track_seconds(self, measured):
        return measured["read_moodle"]["seconds"]

    def track_times_read_sql(self, measured):
        return measured["read_moodle"]["seconds"] / measured["pandas"]["seconds"]

    def track_memory_times_result(self, measured):
        return measured["read_moodle"]["peak_mb"] / measured["read_moodle"]["result_mb"]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(read(*sys.argv[1:])))  # noqa: T201
    else:
        benchmark = ImportMillion()
        found = benchmark.setup_cache()
        for action, figures in found.items():
            shown = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
            print(f"{action}: {shown}")  # noqa: T201
        for name in ("track_times_read_sql", "track_memory_times_result"):
            print(f"{name}: {getattr(benchmark, name)(found):.2f}")  # noqa: T201
