"""The students page records its list and its contacts, and shows last week's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import edml.app
from app_client import Client
from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.app import AppSettings
from edml.app._launch import hand_over
from edml.app._words import Words
from edml.ledger import Ledger
from edml.registry import ModelRegistry
from edml.schema import fingerprint
from edml.sources import contacted_rows, read_contacts, read_events

MAIN = Path(edml.app.__file__).with_name("_main.py")
in_both = pytest.mark.parametrize(
    "words",
    [Words("en"), pytest.param(Words("es"), marks=pytest.mark.slow)],
    ids=["en", "es"],
)


@pytest.fixture(autouse=True)
def _nothing_cached():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.db", timeout=0.1)


@pytest.fixture
def page(registry, tmp_path, table, ledger):
    data = tmp_path / "events.csv"
    table.to_csv(data, index=False)

    def page(**settings):
        given = {
            "data": data,
            "open_registry": lambda: registry,
            "open_ledger": lambda: ledger,
            "capacity": 5,
            "language": "en",
            **settings,
        }
        hand_over(AppSettings(**given))
        st.cache_resource.clear()  # as in a new process
        app = AppTest.from_file(str(MAIN), default_timeout=60).run()
        assert not app.exception
        assert not app.error, [one.value for one in app.error]
        return app

    return page


def show_all(app):
    return app.selectbox(key="period").select("").run()


def warnings(app):
    return [one.value for one in app.warning]


def test_a_list_is_recorded_once(page, ledger, registry, tmp_path, model):
    app = show_all(page())
    X = read_events(tmp_path / "events.csv")
    first, run = ledger.runs().to_dict("records")
    assert first["n_entries"] < run["n_entries"]  # the latest period
    assert run["source"] == "app"
    assert (run["registry"], run["version"]) == (registry.name, 1)
    assert run["model_hash"] == registry.record(1).model_hash
    assert run["events"] == fingerprint(X)
    assert run["capacity"] == 5
    assert run["threshold"] == registry.record(1).threshold
    expected = model.score_students(X, at=14)
    told = ledger.entries(since=run["time"].to_pydatetime())
    assert told["probability"].tolist() == expected["probability"].tolist()
    assert sorted(told["student"]) == sorted(expected["user_uuid"].astype(str))
    spelled = expected.astype({"user_uuid": str, "course_uuid": str})
    of_each = spelled.set_index(["user_uuid", "course_uuid"])["reason_features"]
    reasons = told.set_index(["student", "course"])["reasons"].map(list)
    assert reasons.to_dict() == of_each.to_dict()
    assert (told["period"] != "").all()
    app.number_input(key="capacity").set_value(3).run()
    app.number_input(key="partition").set_value(3).run()  # a look back
    assert not app.exception
    show_all(page())  # in another process
    assert len(ledger.runs()) == 2
    registry.promote(2)
    show_all(page())
    assert ledger.runs()["version"].tolist() == [1, 1, 2, 2]


def say_earlier(ledger, students, days, **columns):
    when = datetime.now(UTC) - timedelta(days=days)
    columns = {"particion": 7, "probability": 0.25, "flagged": True, **columns}
    ledger.append(students.assign(**columns), version=1, time=when)


@in_both
def test_what_was_said_last_week_is_shown(page, ledger, model, table, words):
    students = model.score_students(table, at=14, since=7, n_reasons=0)
    first, second = students.iloc[[0]], students.iloc[[1]]
    say_earlier(ledger, first, 8, particion=6)
    say_earlier(ledger, first, 1, probability=0.5)  # not a week ago
    say_earlier(ledger, second, 30)  # long ago
    app = show_all(page(language=words.language))
    shown = app.dataframe[0].value["change"]
    change = (100 * students["change"]).round(1)
    now = first["probability"].iloc[0]
    assert shown[0] == pytest.approx(100 * (now - 0.25), abs=0.051)
    assert shown[1:].fillna(-1).tolist() == change[1:].fillna(-1).tolist()
    date = (datetime.now(UTC) - timedelta(days=8)).date().isoformat()
    said = [one.value for one in app.markdown]
    assert f"**{words('What the list of {date} said', date=date)}**" in said
    flagged = words.pgettext("one student", "⚑ flagged")
    line = words(
        "Day {day}: {risk}, {state}.", day=6, risk=words.percent(0.25), state=flagged
    )
    assert any(line in one for one in said)
    app.button(key="next").click().run()
    heading = words("What the list of {date} said", date="")[:12]
    assert not any(heading in one.value for one in app.markdown)


@in_both
def test_a_ledger_that_fails_is_said_beside_the_list(page, ledger, words):
    ledger.path.write_text("a text" * 200)
    app = page(language=words.language)
    (said,) = warnings(app)
    assert said.startswith(
        words("The ledger cannot be used for this list. {reason}", reason="")
    )
    assert "ledger.db" in said.replace("\\", "")
    assert str(ledger.path.parent) not in said
    assert ("Check its name" in said) == (words.language == "en")
    assert len(app.dataframe[0].value)
    app.button(key="next").click().run()
    assert not app.exception


def test_an_unexpected_error_names_only_its_kind(page):
    def open_ledger():
        message = "ann has 4"
        raise ZeroDivisionError(message)

    app = page(open_ledger=open_ledger)
    (said,) = warnings(app)
    assert said.endswith("ZeroDivisionError.")
    assert "has 4" not in said


def test_an_endpoint_is_not_recorded(page, ledger, model):
    client = Client(model)
    app = page(open_registry=None, open_client=lambda: client)
    assert not warnings(app)
    assert not ledger.path.exists()


def test_without_a_ledger_the_page_is_as_before(page, ledger):
    app = page(open_ledger=None)
    assert isinstance(app.dataframe[0].value, pd.DataFrame)
    assert not warnings(app)
    assert not ledger.path.exists()


@in_both
def test_the_ticked_are_recorded_as_contacted(page, model, table, tmp_path, words):
    path = tmp_path / "contacts.csv"
    app = show_all(page(contacts=path, language=words.language))
    app.number_input(key="capacity").set_value(3).run()
    assert not path.exists()  # until somebody says so
    app.button(key="save_contacts").click().run()
    assert not app.exception
    text = "New in {name}: {n} of {all} contacts."
    name = "contacts\\.csv" if "\\." in app.success[0].value else "contacts.csv"
    assert app.success[0].value == words(text, name=name, n=3, all=3)
    students = model.score_students(table, at=14, n_reasons=0)
    contacted = contacted_rows(students, read_contacts(path))
    firsts = students.drop_duplicates("user_uuid").index[:3].tolist()
    assert contacted.nonzero()[0].tolist() == firsts
    app.checkbox(key="contact").uncheck().run()
    app.number_input(key="capacity").set_value(4).run()
    app.button(key="save_contacts").click().run()
    assert len(read_contacts(path)) == 4
    path.write_text("alumno;curso")
    app.button(key="save_contacts").click().run()
    assert not app.exception
    assert "contacts" in app.error[0].value
    assert path.read_text() == "alumno;curso"


def test_without_a_file_the_contacts_are_downloaded(page, tmp_path):
    app = page(contacts=None)
    labels = [one.label for one in app.get("download_button")]
    assert "Download the contacts of today" in labels
    assert not list(tmp_path.glob("contacts*"))


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["exams", "assignments"])
@pytest.mark.filterwarnings("ignore:The event table has no:UserWarning")
def test_a_platform_may_lack_a_kind_of_work(page, tmp_path, table, lacking):
    exams = ["nombre_examen", "nota_parcial"]
    work = [name for name in table if name.startswith(("ass", "s_", "score"))]
    table = table.drop(columns=exams if lacking == "exams" else work)
    X = make_student_activity(100, fail_rate=0.3, partitions=15, random_state=1)
    y = make_target(X)
    X = X[[name for name in X if name in table]]
    pipeline = make_risk_pipeline("lightgbm", every=3)
    own = ModelRegistry(tmp_path / "own")
    own.register(RiskClassifier(pipeline, cv=2).fit(X, y).deployable())
    own.promote(1)
    table.to_csv(tmp_path / "some.csv", index=False)
    app = page(data=tmp_path / "some.csv", open_registry=lambda: own)
    assert any("**" in one.value for one in app.markdown)  # a student in detail
