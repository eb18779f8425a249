"""monitor shows how the lists of a ledger moved, and how early flags came."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from edml import RiskClassifier
from edml.datasets import make_student_activity, make_target
from edml.exceptions import LedgerError, MonitoringError
from edml.ledger import Ledger
from edml.monitoring import monitor

KEYS = ["user_uuid", "course_uuid"]
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def term():
    """Return a model, a term of other students, and a list of them."""
    X = make_student_activity(240, n_courses=2, fail_rate=0.25, random_state=3)
    train = X["user_uuid"].isin(X["user_uuid"].unique()[::2])
    model = RiskClassifier(cv=2).fit(X[train], make_target(X[train]))
    later = X[~train]
    return model, later, model.score_students(later, n_reasons=0)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.db")


def say(ledger, students, week, probability, flagged):
    scores = students.assign(probability=probability, flagged=flagged)
    ledger.append(scores, version=1, time=MONDAY + timedelta(weeks=week))


def elsewhere(students):
    return students.drop_duplicates("user_uuid").assign(course_uuid="another")


def codes(report):
    return [sign.code for sign in report.parts["lists"].signs]


def test_weeks_are_those_of_the_courses(term, ledger):
    model, X, students = term
    flagged = np.arange(len(students)) < 20
    say(ledger, students, 0, 0.3, flagged)
    say(ledger, students, 1, 0.35, np.roll(flagged, 1))
    say(ledger, elsewhere(students), 1, 0.9, True)
    report = monitor(model, X, ledger=ledger)
    assert codes(report) == ["lists"]
    assert report.parts["lists"].verdict == "fine"
    assert report.verdict == monitor(model, X).verdict
    courses = X["course_uuid"].unique().tolist()
    pd.testing.assert_frame_equal(report.lists, ledger.changes(course=courses))
    first, last = json.loads(json.dumps(report.to_dict()))["lists"]
    n = len(students)
    assert (first["week"], first["n_students"]) == ("2026-03-02", n)
    assert first["flip_rate"] is None
    assert last["mean"] == pytest.approx(0.35)
    assert last["flip_rate"] == pytest.approx(2 / n)
    assert report.lead_time is None


@pytest.mark.parametrize("language", ["en", "es"])
def test_weeks_are_in_the_text_and_the_page(term, ledger, tmp_path, language):
    model, X, students = term
    say(ledger, students, 0, 0.3, False)
    report = monitor(model, X, ledger=ledger)
    text = report.to_text(language)
    report.to_html(tmp_path / "page.html", language)
    page = (tmp_path / "page.html").read_text("utf-8")
    title = {"en": "Lists week by week", "es": "Listas semana a semana"}[language]
    part = {"en": "Lists of the ledger: fine", "es": "Listas del registro: "}[language]
    share = {"en": "30.0%", "es": "30,0 %"}[language]
    assert title in page
    assert part in text
    for shown in (text, page):
        assert "2026-03-02" in shown
        assert share in shown


def test_a_jump_asks_for_a_look_and_no_more(term, ledger):
    model, X, students = term
    say(ledger, students, 0, 0.1, False)
    say(ledger, students, 1, 0.9, True)
    report = monitor(model, X, ledger=ledger)
    assert codes(report)[:2] == ["lists-flip", "lists-move"]
    assert report.parts["lists"].verdict == "look"
    assert report.verdict == "look"


def test_few_students_ask_for_nothing(term, ledger):
    model, X, students = term
    say(ledger, students.head(5), 0, 0.1, False)
    say(ledger, students.head(5), 1, 0.9, True)
    assert codes(monitor(model, X, ledger=ledger)) == ["lists"]


def test_other_courses_cannot_tell(term, ledger):
    model, X, students = term
    say(ledger, elsewhere(students), 0, 0.1, False)
    report = monitor(model, X, ledger=ledger)
    assert codes(report) == ["no-lists"]
    assert report.parts["lists"].verdict == "cannot tell"
    assert report.verdict == monitor(model, X).verdict
    assert report.to_dict()["lists"] == []


def test_the_lead_time_is_that_of_the_failing(term, ledger):
    model, X, students = term
    labels = np.asarray(make_target(X))
    fails = pd.Series(labels, X.set_index(KEYS).index).groupby(level=KEYS).max()
    failing = fails.loc[pd.MultiIndex.from_frame(students[KEYS])].to_numpy() == 1
    first = np.flatnonzero(failing)[0]
    late = failing & (np.arange(len(students)) != first)
    say(ledger, students, 0, 0.5, np.arange(len(students)) == first)
    say(ledger, students, 1, 0.5, late)
    say(ledger, students, 3, 0.5, late)
    report = monitor(model, X, labels, ledger=ledger)
    n = int(failing.sum())
    assert report.lead_time == {
        "n_failing": n,
        "n_flagged": n,
        "n_within_capacity": 0,
        "lower_quartile": 14.0,
        "median": 14.0,
        "upper_quartile": 14.0,
    }
    assert "lead-time" in codes(report)
    json.dumps(report.to_dict())


def test_never_flagged_is_said(term, ledger):
    model, X, students = term
    say(ledger, students, 0, 0.5, False)
    report = monitor(model, X, make_target(X), ledger=ledger)
    assert "never-flagged" in codes(report)
    assert report.lead_time["median"] is None
    assert report.parts["lists"].verdict in ("fine", "look")


def test_pseudonyms_need_the_key_for_the_lead_time_only(term, tmp_path):
    model, X, students = term
    key = b"0123456789abcdef"
    say(Ledger(tmp_path / "told.db", key), students, 0, 0.5, True)
    without = Ledger(tmp_path / "told.db")
    assert len(monitor(model, X, ledger=without).lists) == 1
    with pytest.raises(LedgerError, match="found no key"):
        monitor(model, X, make_target(X), ledger=without)
    report = monitor(model, X, make_target(X), ledger=Ledger(tmp_path / "told.db", key))
    assert report.lead_time["n_flagged"] == report.lead_time["n_failing"] > 0


def test_a_ledger_needs_events(term, ledger):
    model, X, _ = term
    with pytest.raises(MonitoringError, match="table of events with the ledger"):
        monitor(model, X.to_numpy(), ledger=ledger)


def test_before_the_first_list_it_cannot_tell(term, ledger):
    model, X, _ = term
    report = monitor(model, X, make_target(X), ledger=ledger, n_resamples=100)
    assert report.parts["lists"].verdict == "cannot tell"
    assert codes(report) == ["no-lists"]
    assert report.lists is None
    json.dumps(report.to_dict())
    assert not ledger.path.exists()
