"""The scores page, in Streamlit's test runner, shows the scores."""

import shutil
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import edml.app
from app_client import Client
from edml.app import AppSettings, _data, _state
from edml.app._launch import hand_over
from edml.app._words import Words
from edml.registry import ModelRegistry
from edml.schema import read_periods
from edml.sources import read_events

MAIN = Path(edml.app.__file__).with_name("_main.py")
EN, ES = Words("en"), Words("es")
# the catalogues have their own tests; one more run covers another language
in_both = pytest.mark.parametrize(
    "words", [EN, pytest.param(ES, marks=pytest.mark.slow)], ids=["en", "es"]
)


@pytest.fixture(autouse=True)
def _nothing_cached():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def data(tmp_path, table):
    path = tmp_path / "events.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def page(registry, data):
    def page(**settings):
        given = {
            "data": data,
            "open_registry": lambda: registry,
            "language": "en",
            **settings,
        }
        hand_over(AppSettings(**given))
        app = AppTest.from_file(str(MAIN), default_timeout=60).run()
        assert not app.exception
        return app

    return page


def texts(app):
    kinds = (app.caption, app.markdown, app.info, app.warning, app.error, app.title)
    return [element.value for kind in kinds for element in kind]


def assert_said(app, text):
    assert not app.exception
    assert any(text in said for said in texts(app)), texts(app)


def shown(app):
    assert not app.exception
    assert not app.error, app.error[0].value
    return app.dataframe[0].value


def assert_shows(app, expected):
    table = shown(app)
    assert table["student"].tolist() == expected["legajo"].astype(str).tolist()
    assert table["course"].tolist() == expected["course_name"].tolist()
    assert table["probability"].tolist() == expected["probability"].round(3).tolist()
    assert (table["flag"] != "").tolist() == expected["flagged"].tolist()


def show_all(app):
    """Show every period; the page opens at the latest."""
    app.selectbox(key="period").select(app.selectbox(key="period").options[0]).run()
    return app


def of_period(table, period):
    """Return the events of students whose latest period this is."""
    keys = [table["user_uuid"], table["course_uuid"]]
    _, periods, _ = read_periods(table["periodo"])
    codes = pd.Series(read_periods(table["periodo"])[0], index=table.index)
    return table[codes.groupby(keys).transform("max") == periods.index(period)]


@in_both
def test_it_opens_at_the_latest_period_and_day(page, model, table, words):
    app = page(language=words.language)
    assert app.title[0].value == words("Who is at risk of failing?")
    last = app.selectbox(key="period").options[1]
    assert app.selectbox(key="period").value == last
    assert app.number_input(key="partition").value == 14
    inside = of_period(table, last)
    expected = model.score_students(inside, at=14, since=7, language=words.language)
    assert_shows(app, expected)
    found = shown(app)
    assert found["contact"].sum() == min(15, expected["user_uuid"].nunique())
    change = (100 * expected["change"]).round(1)
    assert found["change"].fillna(-1).tolist() == change.fillna(-1).tolist()
    assert found["reason"].tolist() == expected["reasons"].str[0].tolist()
    assert set(found["period"]) == {last}


def test_a_course_a_period_and_a_day_are_chosen(page, model, table):
    app = page()
    period = app.selectbox(key="period").options[2]
    app.selectbox(key="period").select(period).run()
    run = app.selectbox(key="run").options[1]
    app.selectbox(key="run").select(run).run()
    app.number_input(key="partition").set_value(6).run()
    inside = of_period(table, period)
    inside = inside[inside["course_name"] == run.removesuffix(f" ({period})")]
    assert_shows(app, model.score_students(inside, at=6, n_reasons=0))


def test_the_latest_day_stays_the_latest_of_another_course(page, data, table):
    short = table["course_uuid"].iloc[0]
    ends = (table["course_uuid"] != short) | (table["particion"].fillna(0) < 9)
    table[ends].to_csv(data, index=False)
    app = show_all(page())
    assert app.number_input(key="partition").value == 14
    of_run = table[table["course_uuid"] == short]
    start = of_run["course_name"].iloc[0]
    for run in app.selectbox(key="run").options[1:]:
        app.selectbox(key="run").select(run).run()
        is_short = app.number_input(key="partition").value == 8
        assert not is_short or run.startswith(start)
        if is_short:
            break
    assert is_short
    app.selectbox(key="run").select(EN("All courses")).run()
    assert app.number_input(key="partition").value == 14


def test_marks_and_filters_change_only_what_is_shown(page, model, table):
    app = show_all(page())
    expected = model.score_students(table, at=14, n_reasons=0)
    app.number_input(key="capacity").set_value(3).run()
    assert shown(app)["contact"].sum() == 3
    app.segmented_control(key="show").set_value("contact").run()
    firsts = expected.drop_duplicates("user_uuid").head(3)
    assert_shows(app, firsts)
    app.segmented_control(key="show").set_value("flagged").run()
    assert_shows(app, expected[expected["flagged"]])
    student = str(expected["legajo"].iloc[0])
    app.segmented_control(key="show").set_value("all").run()
    app.text_input(key="find").set_value(student).run()
    assert set(shown(app)["student"]) == {student}
    app.text_input(key="find").set_value("nobody at all").run()
    assert_said(
        app,
        EN("No student in the list matches. Show all, or search for something else."),
    )


def test_cleared_filter_shows_all(page):
    app = page()
    n_rows = len(shown(app))
    app.segmented_control(key="show").set_value(None).run()
    assert len(shown(app)) == n_rows


@in_both
def test_a_student_is_shown_with_the_reasons(page, model, table, words):
    app = show_all(page(language=words.language))
    expected = model.score_students(table, at=14, since=7, language=words.language)
    row = expected.iloc[2]
    app.selectbox(key="student").select(2).run()
    title = words(
        "{student} in {course}", student=row["legajo"], course=row["course_name"]
    )
    assert app.header[0].value.startswith(title)
    assert app.metric[0].value == words.percent(row["probability"], 1)
    for reason in row["reasons"]:
        assert_said(app, _state.escape(reason))
    for fact in row["facts"]:
        assert_said(app, _state.escape(fact))
    assert_said(app, words("What changed since day {day}", day=7))
    days, probabilities = app.dataframe[-1].value, words("Probability of failing")
    assert days[words("Day")].tolist() == list(range(15))
    last = days[probabilities].iloc[-1]
    assert last == pytest.approx(row["probability"], rel=1e-9)


def test_students_are_shown_in_turn(page):
    app = page()
    names = shown(app)["student"].tolist()
    assert app.header[0].value.startswith(names[0])  # without a click
    assert app.button(key="previous").disabled
    app.button(key="next").click().run()
    assert app.header[0].value.startswith(names[1])
    app.button(key="previous").click().run()
    assert app.header[0].value.startswith(names[0])
    app.selectbox(key="student").select(len(names) - 1).run()
    assert app.button(key="next").disabled


@pytest.mark.slow  # each student of a course
def test_every_student_of_a_list_can_be_shown(page):
    app = show_all(page())
    for row in range(0, len(shown(app)), 9):
        app.selectbox(key="student").select(row).run()
        assert not app.exception
        assert not app.error


def test_a_student_is_marked_beside_the_list(page):
    app = page()
    assert shown(app)["contact"].iloc[0]
    app.checkbox(key="contact").uncheck().run()
    assert not shown(app)["contact"].iloc[0]
    app.button(key="next").click().run()
    assert app.checkbox(key="contact").value
    app.button(key="previous").click().run()
    assert not app.checkbox(key="contact").value
    app.number_input(key="partition").set_value(3).run()  # another list
    assert app.checkbox(key="contact").value


def test_filtering_out_the_student_shows_another(page):
    app = page()
    last = shown(app)["student"].iloc[-1]
    app.text_input(key="find").set_value(last).run()
    assert not app.exception
    assert app.header[0].value.startswith(last)


def test_another_champion_makes_a_new_list_and_is_announced(page, registry):
    app = page()
    registry.promote(2)
    app.run()
    assert_said(app, "version 2 instead of 1")
    assert len(shown(app))
    assert_said(app, "version 2;")
    app.run()
    assert not any("instead of 1" in said for said in texts(app))


def test_list_survives_a_vanished_registry(page, registry, tmp_path):
    app = page()
    shutil.rmtree(tmp_path / "registry")
    app.run()
    assert app.warning
    assert len(shown(app))
    app.number_input(key="partition").set_value(3).run()
    assert not app.exception
    assert app.error
    app.button(key="try_again").click().run()
    assert not app.exception


@in_both
def test_an_empty_registry_offers_a_way_on(page, tmp_path, words):
    app = page(
        open_registry=lambda: ModelRegistry(tmp_path / "empty"),
        language=words.language,
    )
    before = words("That did not work. {reason}", reason="|").partition("|")[0]
    assert app.error[0].value.startswith(before)
    assert app.button(key="try_again").label == words("Try again")


def test_endpoint_is_used_and_may_disappear(page, model, table):
    client = Client(model)
    app = show_all(page(open_registry=None, open_client=lambda: client))
    expected = model.score_students(table, at=14)
    assert_shows(app, expected)
    reasons = shown(app)["reason"]
    assert reasons[:15].tolist() == expected["reasons"][:15].str[0].tolist()
    assert reasons[15:].isna().all()
    client.away = True
    app.number_input(key="capacity").set_value(2).run()
    assert not app.error  # nothing is requested again
    app.selectbox(key="student").select(1).run()
    assert not app.exception
    assert "that the endpoint runs" in app.error[0].value
    client.away = False
    app.button(key="try_again").click().run()
    assert not app.error
    assert app.header


@pytest.mark.parametrize("n_days", [1, 2])
def test_a_course_with_one_student_and_few_days(page, model, data, table, n_days):
    one = table["legajo"] == table["legajo"].iloc[0]
    few = table[one & (table["particion"].fillna(0) < n_days)]
    few = few[few["course_uuid"] == few["course_uuid"].iloc[0]]
    few.to_csv(data, index=False)
    app = page()
    assert_shows(app, model.score_students(few, at=n_days - 1, n_reasons=0))
    assert_said(app, EN("There were no events of this student on or before that day."))


def test_without_a_table_the_page_asks_for_one(page):
    app = page(data=None)
    assert_said(
        app,
        EN(
            "There is no table of events yet. Upload one here, or start the app "
            "with --data."
        ),
    )
    assert not app.dataframe


def test_a_missing_table_is_reported(page, data):
    data.unlink()
    app = page()
    assert app.error[0].value.startswith("That did not work.")


def test_an_unreadable_table_shows_the_librarys_message(page, data, table):
    table.drop(columns="particion").to_csv(data, index=False)
    app = page()
    assert "particion" in app.error[0].value
    assert not app.exception


def test_a_changed_table_is_read_again(page, data, table):
    app = show_all(page())
    few = few_of(table)
    few.to_csv(data, index=False)
    app.run()
    n_histories = len(few[["user_uuid", "course_uuid"]].drop_duplicates())
    assert len(shown(app)) == n_histories


def test_nothing_is_scored_twice(page, model, monkeypatch):
    client = Client(model)
    app = page(open_registry=None, open_client=lambda: client)
    asked = len(client.sent)
    app.text_input(key="find").set_value("a").run()
    app.run()
    assert len(client.sent) == asked


def test_an_unexpected_error_is_shown_without_its_message(page, monkeypatch, capfd):
    value = "the student's value"

    def fail(*_, **__):
        raise RuntimeError(value)

    app = page()
    monkeypatch.setattr("edml.app._scores_page.make_list", fail)
    app.run()
    assert not app.exception
    assert "RuntimeError" in app.error[0].value
    assert not any(value in text for text in texts(app))
    out, err = capfd.readouterr()
    assert value not in out + err
    assert "make_list" in err


def test_the_language_is_chosen_on_the_page(page):
    app = page()
    app.selectbox(key="language").select("es").run()
    assert app.title[0].value == ES("Who is at risk of failing?")
    assert len(shown(app))


def test_names_are_not_markup(page, data, table):
    table.assign(course_name="**[x](http://a.b)** $y$").to_csv(data, index=False)
    app = page()
    assert "\\*\\*\\[x\\]" in app.header[0].value


@pytest.mark.slow  # trains a model on the sample
def test_the_demonstration_works_at_once(page):
    app = page(open_registry=None, data=None)
    assert_said(
        app,
        EN(
            "This is a demonstration with made-up students and a model trained just"
            " now. To see your own, start the app with --registry or --url, and "
            "--data."
        ),
    )
    assert len(shown(app))


def upload(app, name, content):
    app.file_uploader[0].set_value((name, content, "text/csv")).run()
    assert not app.exception


def few_of(table):
    return table[table["course_name"] == table["course_name"].iloc[0]]


def test_an_uploaded_table_is_scored_until_it_is_put_back(page, model, table):
    app = show_all(page())
    few = few_of(table)
    upload(app, "few.csv", few.to_csv(index=False).encode())
    assert_said(app, "few.csv")
    assert_shows(app, model.score_students(few, at=14, n_reasons=0))
    app.button(key="forget_upload").click().run()
    assert_said(app, "events.csv")
    assert_shows(app, model.score_students(table, at=14, n_reasons=0))
    assert not [one for one in app.button if one.key == "forget_upload"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bad.csv", b"\xff\xfe\x00", "utf-16"),
        ("bad.csv", b"", "está vacío"),
        ("bad.csv", b"a,b\n1,2\n", "user_uuid"),
        ("bad.csv", b"user_uuid,course_uuid,particion\n1,2,3,4\n", "línea 2"),
        ("bad.csv", None, "particion"),
        ("bad.parquet", b"PAR1 and no more", "Parquet"),
    ],
)
def test_a_broken_upload_leaves_an_empty_page_that_says_why(
    page, table, name, content, words
):
    if content is None:
        content = table[:3].assign(particion="LEG-x").to_csv(index=False).encode()
    app = page(language="es")
    assert len(shown(app))
    upload(app, name, content)
    assert app.error[0].value.startswith("**No se puede leer")
    assert words in app.error[0].value.replace("\\", "")
    assert "LEG-x" not in app.error[0].value
    assert not app.dataframe
    app.run()
    assert app.error
    assert not app.dataframe  # not the former table, either
    app.button(key="forget_upload").click().run()
    assert not app.error
    assert len(shown(app))


def test_columns_are_matched_in_a_dialog_and_remembered(page, model, table):
    app = show_all(page())
    few = few_of(table)
    other = {"user_uuid": "alumno", "course_uuid": "materia", "score": "puntaje"}
    data = few.rename(columns=other).to_csv(index=False, sep=";").encode()
    upload(app, "other.csv", data)
    assert "alumno" not in app.error[0].value
    app.button(key="match").click().run()
    assert app.selectbox(key="column_particion").value == "particion"
    for name, actual in other.items():
        app.selectbox(key=f"column_{name}").select(actual)
    app.button(key="matched").click().run()
    expected = model.score_students(few, at=14, n_reasons=0)
    assert_shows(show_all(app), expected)
    app.button(key="forget_upload").click().run()
    upload(app, "next week.csv", data)  # without a dialog
    assert_shows(show_all(app), expected)


def test_matched_columns_are_remembered_after_a_restart(page, table, tmp_path):
    few = few_of(table)
    data = few.rename(columns={"user_uuid": "alumno"}).to_csv(index=False).encode()
    app = page(contacts=tmp_path / "people" / "contacts.csv")
    upload(app, "other.csv", data)
    app.button(key="match").click().run()
    app.selectbox(key="column_user_uuid").select("alumno")
    app.button(key="matched").click().run()
    assert not app.error
    kept = tmp_path / "people" / "edml_columns.json"
    names = kept.read_text()
    assert not [value for value in few["user_uuid"] if value in names]
    for content, lost in ((names, False), ("damaged", True), ("[]", True)):
        kept.write_text(content)
        st.cache_resource.clear()
        app = page(contacts=tmp_path / "people" / "contacts.csv")
        upload(app, "next week.csv", data)
        assert bool(app.error) is lost


def test_an_upload_outlives_a_rerun_and_is_read_once(page, table, monkeypatch):
    reads = []

    def read(file, *, name, **options):
        reads.append(name)
        return read_events(file, name=name, **options)

    monkeypatch.setattr(_data, "read_events", read)
    app = page()
    upload(app, "few.csv", few_of(table).to_csv(index=False).encode())
    app.run()
    assert reads == ["events.csv", "few.csv"]


def test_without_a_table_an_upload_is_enough(page, model, table):
    app = page(data=None)
    upload(app, "few.csv", few_of(table).to_csv(index=False).encode())
    assert_shows(show_all(app), model.score_students(few_of(table), at=14, n_reasons=0))


def test_reading_options_are_of_the_file_and_its_time_zone_of_uploads(
    page, data, table, monkeypatch
):
    reads = []

    def read(file, *, name, **options):
        reads.append({key: options.get(key) for key in ("sep", "timezone")})
        return read_events(file, name=name, **options)

    monkeypatch.setattr(_data, "read_events", read)
    data.write_text(table.to_csv(index=False, sep=";"))
    app = page(reading={"sep": ";", "timezone": "America/Bogota"})
    upload(app, "few.csv", few_of(table).to_csv(index=False).encode())
    assert reads == [
        {"sep": ";", "timezone": "America/Bogota"},
        {"sep": None, "timezone": "America/Bogota"},
    ]


def test_a_workbook_is_uploaded(page, model, table):
    pytest.importorskip("openpyxl")
    file = BytesIO()
    few_of(table).to_excel(file, index=False, engine="openpyxl")
    app = page()
    upload(app, "few.xlsx", file.getvalue())
    assert_shows(show_all(app), model.score_students(few_of(table), at=14, n_reasons=0))
