"""What was told is kept to the bit, whole, and found again."""

import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml._messages import in_words
from edml.exceptions import LedgerError, TableError
from edml.ledger import Ledger
from edml.schema import fingerprint
from ledger_lists import make_scores

KEY = b"0123456789abcdef"
IDS = st.one_of(st.integers(0, 10**6), st.text(min_size=1, max_size=8))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.db")


@given(
    histories=st.lists(st.tuples(IDS, IDS), min_size=1, unique_by=str),
    data=st.data(),
)
def test_entries_return_scores_to_the_bit(tmp_path_factory, histories, data):
    ids, courses = zip(*histories, strict=True)
    if len({(str(a), str(b)) for a, b in histories}) < len(histories):
        return  # 1004 and '1004' are one
    n = len(histories)
    draw = data.draw
    scores = make_scores(
        ids,
        list(courses),
        draw(st.lists(st.integers(0, 2**53), min_size=n, max_size=n)),
        probability=draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)),
        flagged=draw(st.lists(st.booleans(), min_size=n, max_size=n)),
        reason_features=draw(
            st.lists(st.lists(st.sampled_from(["a", "b_c"])), min_size=n, max_size=n)
        ),
    )
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    run = ledger.append(scores, version=1)
    found = ledger.entries()
    assert found["probability"].is_monotonic_decreasing
    assert (found["run"] == run).all()
    scores["student"] = [str(one) for one in ids]
    scores["course"] = [str(one) for one in courses]
    joined = scores.merge(found, on=["student", "course"], suffixes=("", "_found"))
    assert len(joined) == len(found) == n
    ours, theirs = joined["probability_found"], joined["probability"].astype(float)
    assert (ours.to_numpy().view(np.int64) == theirs.to_numpy().view(np.int64)).all()
    assert (joined["day"] == joined["particion"]).all()
    assert (joined["flagged_found"] == joined["flagged"]).all()
    assert joined["reasons"].map(list).tolist() == joined["reason_features"].tolist()
    assert joined["within_capacity"].isna().all()


def test_run_says_what_was_scored_and_how(ledger):
    events = pd.DataFrame({"user_uuid": ["ann"], "particion": [20]})
    moment = datetime(2026, 3, 2, 6, tzinfo=UTC)
    ledger.append(
        make_scores(),
        version=3,
        registry="risk",
        model_hash="ab" * 32,
        events=events,
        threshold=0.25,
        capacity=2,
        source="predict",
        time=moment,
    )
    ledger.append(make_scores(), version=None, events="cd" * 32)
    first, second = ledger.runs().to_dict("records")
    assert first == {
        "run": 1,
        "time": pd.Timestamp(moment),
        "source": "predict",
        "registry": "risk",
        "version": 3,
        "model_hash": "ab" * 32,
        "events": fingerprint(events),
        "threshold": 0.25,
        "capacity": 2,
        "n_entries": 3,
    }
    assert second["events"] == "cd" * 32
    assert second["source"] == "python"
    assert all(pd.isna(second[name]) for name in ("version", "registry", "capacity"))
    assert abs(second["time"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_capacity_counts_by_course_and_ties_go_to_the_first(ledger):
    scores = make_scores(
        list("abcdef"), list("xxxyyy"), probability=[0.5, 0.9, 0.5, 0.1, 0.1, 0.1]
    )
    ledger.append(scores, version=1, capacity=2)
    found = ledger.entries().set_index("student")["within_capacity"]
    assert set(found.index[found]) == {"a", "b", "d", "e"}


def test_entries_are_found_by_time_student_and_course(ledger):
    ids = [1004.0, 7.0]  # as in a column with nulls
    for month, course in ((3, "x"), (4, "y"), (5, "x")):
        time = datetime(2026, month, 1, tzinfo=UTC)
        ledger.append(make_scores(ids, course), version=1, time=time)
    assert ledger.entries()["time"].dt.month.tolist() == [3, 3, 4, 4, 5, 5]
    assert ledger.entries("2026-04-01")["course"].tolist() == ["y", "y", "x", "x"]
    assert set(ledger.entries("2026-04-01", "2026-05-01")["course"]) == {"y"}
    for spelling in (1004, "1004", 1004.0):
        found = ledger.entries(student=spelling)
        assert found["student"].tolist() == ["1004"] * 3
    assert len(ledger.entries(student=1004, course="x")) == 2
    assert len(ledger.entries("2026-05-01", student=1004)) == 1
    assert not len(ledger.entries(student="nobody"))
    assert not len(ledger.entries(timedelta(days=1)))
    assert len(ledger.runs(until="2026-04-02")) == 2


def test_times_are_in_utc(ledger):
    ledger.append(make_scores(), version=1, time="2026-03-01T23:30:00-05:00")
    assert ledger.runs()["time"][0] == pd.Timestamp("2026-03-02T04:30:00Z")


def test_columns_by_the_users_names(ledger):
    scores = make_scores().rename(columns={"user_uuid": "id", "particion": "day"})
    ledger.append(scores, version=1, columns={"user_uuid": "id", "particion": "day"})
    assert ledger.entries()["student"].tolist() == ["ann", "ben", "cho"]


def test_a_run_without_students(ledger):
    ledger.append(make_scores()[:0], version=1)
    assert ledger.runs()["n_entries"].tolist() == [0]
    assert not len(ledger.entries())


@pytest.mark.skipif("os.name == 'nt'")
def test_only_the_owner_can_read(ledger):
    ledger.append(make_scores(), version=1)
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


# -- pseudonyms ---------------------------------------------------------------------


def test_pseudonyms_hide_ids(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, KEY)
    ids = ["student-ann", 1004]
    ledger.append(make_scores(ids), version=1)
    assert b"student-ann" not in path.read_bytes()
    assert KEY not in path.read_bytes()
    assert repr(KEY) not in repr(ledger) + repr(vars(ledger))
    shown = set(Ledger(path).entries()["student"])
    assert {len(one) for one in shown} == {64}
    assert set(ledger.entries(student="1004")["student"]) < shown


@pytest.mark.parametrize(
    ("begun", "opened", "message"),
    [
        (KEY, b"another key of 16", "found another key"),
        (None, KEY, "found a key, but its ids are no pseudonyms"),
    ],
)
def test_wrong_key_raises(tmp_path, begun, opened, message):
    path = tmp_path / "ledger.db"
    Ledger(path, begun).append(make_scores(), version=1)
    with pytest.raises(LedgerError, match=message) as caught:
        Ledger(path, opened)
    assert str(opened) not in str(caught.value)
    assert "clave" in in_words(caught.value, "es")


def test_without_the_key_no_student_is_found(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path, KEY).append(make_scores(), version=1)
    without = Ledger(path)
    for use in (
        lambda: without.append(make_scores(), version=1),
        lambda: without.entries(student="ann"),
    ):
        with pytest.raises(LedgerError, match="found no key"):
            use()
    assert len(without.runs()) == 1


@pytest.mark.parametrize("key", [b"", b"short", "text"])
def test_unusable_key_raises(tmp_path, key):
    with pytest.raises(LedgerError, match="at least 16 bytes"):
        Ledger(tmp_path / "ledger.db", key)


# -- errors -------------------------------------------------------------------------


def test_absent_ledger_raises_and_is_not_created(ledger):
    for read in (ledger.runs, ledger.entries):
        with pytest.raises(LedgerError, match="There is no ledger") as caught:
            read()
        said = in_words(caught.value, "es")
        assert said.startswith("No existe el registro de listas ledger.db.")
    assert not ledger.path.exists()


def test_other_files_raise(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(LedgerError, match="damaged, or another kind of file"):
        Ledger(path)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE runs (id)")
    made.close()
    with pytest.raises(LedgerError, match="is another kind of file"):
        Ledger(other)


def test_later_format_raises(ledger):
    ledger.append(make_scores(), version=1)
    with sqlite3.connect(ledger.path) as made:
        made.execute("PRAGMA user_version = 99")
    made.close()
    with pytest.raises(LedgerError, match="has format 99, of a later edml"):
        Ledger(ledger.path)
    with pytest.raises(LedgerError, match="Update edml"):
        ledger.append(make_scores(), version=1)


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([1, 2], TypeError, "the DataFrame that score_students returns"),
        (make_scores().drop(columns="flagged"), TableError, "flagged"),
        (make_scores(["ann", "ann"]), TableError, "1 of 2 rows repeat one"),
        (make_scores(["ann", None]), TableError, "have no value"),
        (
            make_scores(probability=[0.1, 0.2, 1.2]),
            ValueError,
            "fractions in",
        ),
    ],
    ids=["type", "column", "repeated", "null", "probability"],
)
def test_bad_scores_raise_and_nothing_is_stored(ledger, scores, error, message):
    with pytest.raises(error, match=message):
        ledger.append(scores, version=1)
    assert not ledger.path.exists()


@pytest.mark.parametrize("capacity", [-1, 1.5, "two"])
def test_bad_capacity_raises(ledger, capacity):
    with pytest.raises(ValueError, match="capacity must be a whole number"):
        ledger.append(make_scores(), version=1, capacity=capacity)


@pytest.mark.parametrize("since", ["last week", None, float("nan")])
def test_bad_moment_raises(ledger, since):
    ledger.append(make_scores(), version=1)
    if since is None:
        assert len(ledger.runs(since)) == 1
        return
    with pytest.raises(ValueError, match="since needs a date"):
        ledger.runs(since)
