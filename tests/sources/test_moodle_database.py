"""Moodle's schema in real databases gives the features of the same history."""

import pandas as pd
import pytest
import sqlalchemy as sa

from database_servers import PASSWORD
from edml.exceptions import TableError
from edml.sources import read_moodle
from edml.sources._import_report import Tally
from edml.sources._moodle._database import open_database
from edml.sources._moodle._load import Tables
from edml.sources._moodle._log import LOG
from moodle_schema import write_database, write_folder
from moodle_site import Site, assert_same_features

pytestmark = [
    pytest.mark.database,
    pytest.mark.filterwarnings("ignore:Import from:UserWarning"),
]


@pytest.fixture
def site():
    return Site(5)


@pytest.fixture
def engine(server, site):
    engine = sa.create_engine(server, poolclass=sa.NullPool)
    write_database(engine, site.rows)
    return engine


@pytest.mark.parametrize("history", [True, False], ids=["history", "no history"])
@pytest.mark.parametrize("seed", range(3))
def test_database_gives_features_of_history(server, seed, history):
    site = Site(seed, history=history)
    write_database(sa.create_engine(server, poolclass=sa.NullPool), site.rows, "m2_")
    assert_same_features(read_moodle(server), site)


def test_database_and_folder_are_equal(engine, site, tmp_path):
    write_folder(tmp_path, site.rows)
    X, report = read_moodle(engine, return_report=True)
    expected, of_folder = read_moodle(tmp_path, return_report=True)
    pd.testing.assert_frame_equal(X, expected)
    assert report == of_folder


@pytest.mark.parametrize("courses", [None, ["C12"]])
def test_database_counts_the_log_as_the_files_give_it(engine, site, tmp_path, courses):
    write_folder(tmp_path, site.rows)
    how = {"courses": courses, "activity": True, "return_report": True}
    X, report = read_moodle(engine, **how)
    expected, of_folder = read_moodle(tmp_path, **how)
    pd.testing.assert_frame_equal(X, expected)
    assert X["activity_forum"].sum() > 10
    if courses is None:
        assert report == of_folder
    else:  # the database selects lines of the course
        in_course = [one for one in site.rows[LOG] if one["courseid"] == 12]
        assert report.read[LOG] == len(in_course)


def test_a_log_is_added_up_in_the_database(engine, site):
    """What is fetched grows with days and students, and not with lines."""
    with open_database(engine, None) as database:
        tables = Tables(database, None, Tally())
        once = list(tables.blocks(LOG))
    with engine.begin() as connection:
        table = sa.Table(f"mdl_{LOG}", sa.MetaData(), autoload_with=connection)
        connection.execute(table.delete())
        for copy in range(3):
            shift = 100_000 * copy
            rows = [one | {"id": one["id"] + shift} for one in site.rows[LOG]]
            connection.execute(table.insert(), rows)
    with open_database(engine, None) as database:
        thrice = list(Tables(database, None, Tally()).blocks(LOG))
    assert [len(one) for one in thrice] == [len(one) for one in once]
    assert sum(one["count"].sum() for one in thrice) == 3 * sum(
        one["count"].sum() for one in once
    )


def test_only_selected_courses_are_read(engine):
    X, report = read_moodle(engine, courses=["C12"], return_report=True)
    all_courses = read_moodle(engine)
    expected = all_courses[all_courses["course_uuid"] == "12"].reset_index(drop=True)
    pd.testing.assert_frame_equal(X, expected)
    with engine.connect() as connection:
        counted = connection.exec_driver_sql(
            "SELECT count(*) FROM mdl_assign_submission WHERE assignment IN "
            "(SELECT id FROM mdl_assign WHERE course = 12)"
        ).scalar()
    assert report.read["assign_submission"] == counted


def test_reading_cannot_write(engine):
    with open_database(engine, None) as database:
        connection = database._connection
        with pytest.raises(sa.exc.DBAPIError, match=r"(?i)read[- ]only"):
            connection.exec_driver_sql("DELETE FROM mdl_user")
        connection.rollback()
    with engine.begin() as connection:  # but the engine still can
        assert connection.exec_driver_sql("DELETE FROM mdl_user").rowcount > 0


def test_all_tables_are_read_in_one_state(engine, site):
    """What is committed while reading does not show."""
    expected = read_moodle(engine)

    def write(connection, cursor, statement, *_):
        if "mdl_assign_submission" in statement and not done:
            done.append(statement)
            other_engine = sa.create_engine(engine.url, poolclass=sa.NullPool)
            with other_engine.begin() as other:
                other.exec_driver_sql("DELETE FROM mdl_assign_grades")
                other.exec_driver_sql("DELETE FROM mdl_grade_grades")

    done = []
    sa.event.listen(engine, "before_cursor_execute", write)
    pd.testing.assert_frame_equal(read_moodle(engine), expected)
    assert done


@pytest.mark.parametrize("wrong", [{"password": "other pass"}, {"username": "nobody"}])
def test_rejected_connection_shows_no_credentials(server, wrong):
    url = server.set(**wrong)
    with pytest.raises(TableError, match="cannot be read") as caught:
        read_moodle(url.render_as_string(hide_password=False))
    shown = f"{caught.value} {caught.value.__cause__}"
    for secret in (PASSWORD, url.password, url.username):
        assert secret not in shown
    assert caught.value.__suppress_context__


def test_columns_that_are_not_needed_are_not_read(postgresql, site):
    """A user who may read only these columns can import."""
    admin = sa.create_engine(postgresql, poolclass=sa.NullPool)
    metadata = sa.MetaData()
    metadata.reflect(admin)
    metadata.drop_all(admin)
    write_database(admin, site.rows)
    expected = read_moodle(postgresql)
    with admin.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS reader")
        connection.exec_driver_sql("CREATE ROLE reader LOGIN PASSWORD 'r'")
        for table in metadata_of(admin):
            columns = [c.name for c in table.columns if c.name not in PRIVATE]
            named = ", ".join(columns)
            connection.exec_driver_sql(
                f"GRANT SELECT ({named}) ON {table.name} TO reader"
            )
    url = postgresql.set(username="reader", password="r")  # noqa: S106
    pd.testing.assert_frame_equal(read_moodle(url), expected)


PRIVATE = {
    *("ip", "other", "eventname", "relateduserid"),
    *("username", "firstname", "email", "password", "intro", "feedback", "summary"),
}


def metadata_of(engine):
    metadata = sa.MetaData()
    metadata.reflect(engine)
    return metadata.sorted_tables
