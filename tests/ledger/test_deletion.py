"""Export says all, erase leaves no byte, prune keeps what is younger."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from edml.exceptions import LedgerError
from edml.ledger import Ledger
from edml.schema import PERIOD
from ledger_lists import make_scores

KEY = b"0123456789abcdef"
ANN = "ann-7f3a91c2-unlike-any-other"
#: So many that names and entries fill pages, whose cells SQLite moves about.
OTHERS = [f"student-{k:05d}" for k in range(3000)]


def bytes_of(ledger):
    files = ledger.path.parent.glob(f"{ledger.path.name}*")
    return b"".join(path.read_bytes() for path in files)


def holds(ledger, text=ANN):
    data = bytes_of(ledger)
    whole = text.encode()
    return any(whole[k : k + 12] in data for k in range(0, len(whole) - 11, 4))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.db", timeout=0.2)


def fill(ledger, n_runs=4):
    """Tell about Ann among the others, in the middle of the alphabet."""
    names = [*OTHERS[:1500], ANN, *OTHERS[1500:]]
    for k in range(n_runs):
        some = names[k * 300 :]
        features = [["rare_feature"] if one == ANN else ["common"] for one in some]
        ledger.append(
            make_scores(some, courses="algebra", reason_features=features),
            version=1,
            capacity=15,
        )


def test_export_says_all_that_is_stored(ledger):
    ledger.append(
        make_scores(["ann", "ben"], reason_features=[["a", "b"], []]).assign(
            **{PERIOD: "01-2026"}
        ),
        version=3,
        registry="risk",
        model_hash="ab" * 32,
        events="cd" * 32,
        threshold=0.5,
        capacity=1,
        source="predict",
        time=datetime(2026, 3, 2, 6, tzinfo=UTC),
    )
    ledger.append(make_scores(["ben"]), version=4)
    stored = ledger.export("ann")
    assert json.loads(json.dumps(stored)) == stored
    assert stored == {
        "student": "ann",
        "entries": [
            {
                "time": "2026-03-02T06:00:00+00:00",
                "run": 1,
                "version": 3,
                "course": "algebra",
                "period": "01-2026",
                "day": 20,
                "probability": 0.9,
                "flagged": True,
                "within_capacity": True,
                "reasons": ["a", "b"],
                "source": "predict",
                "registry": "risk",
                "model_hash": "ab" * 32,
                "events": "cd" * 32,
                "threshold": 0.5,
                "capacity": 1,
            }
        ],
    }
    assert len(ledger.export("ben")["entries"]) == 2
    assert ledger.export("nobody") == {"student": "nobody", "entries": []}


def test_erase_leaves_no_byte_in_any_file(ledger):
    fill(ledger)
    assert holds(ledger)
    assert holds(ledger, "rare_feature")
    before = ledger.entries()
    assert ledger.erase(ANN) == 4
    assert not holds(ledger)
    assert not holds(ledger, "rare_feature")
    kept = before[before["student"] != ANN].reset_index(drop=True)
    pd.testing.assert_frame_equal(ledger.entries(), kept)
    assert ledger.export(ANN)["entries"] == []
    assert ledger.erase(ANN) == 0


def test_erase_under_a_key_leaves_no_pseudonym(tmp_path):
    ledger = Ledger(tmp_path / "ledger.db", KEY)
    fill(ledger)
    (pseudonym,) = set(ledger.entries(student=ANN)["student"])
    assert holds(ledger, pseudonym)
    assert not holds(ledger)
    assert ledger.erase(ANN) == 4
    assert not holds(ledger, pseudonym)


def test_erase_waits_for_readers_and_says_so(ledger):
    fill(ledger)
    with ledger._database.reading() as connection:
        connection.execute("SELECT * FROM students").fetchone()
        with pytest.raises(LedgerError, match="another process has been reading"):
            ledger.erase(ANN)
        assert holds(ledger)  # what this test is about
    assert ledger.erase(ANN) == 0
    assert not holds(ledger)


def test_runs_about_nobody_else_are_erased(ledger):
    ledger.append(make_scores([ANN]), version=1)
    ledger.append(make_scores([ANN, "ben"]), version=1)
    ledger.append(make_scores([]), version=1)
    ledger.erase(ANN)
    assert ledger.runs()["run"].tolist() == [2, 3]
    ledger.append(make_scores(["ben"]), version=1)
    assert ledger.runs()["run"].tolist() == [2, 3, 4]  # no number is used twice


def test_prune_keeps_what_is_younger(ledger):
    now = datetime.now(UTC)
    old = make_scores([ANN, "ben"], courses="old-course-of-last-year")
    ledger.append(old, version=1, time=now - timedelta(days=100))
    ledger.append(make_scores(["ben"]), version=1, time=now - timedelta(days=80))
    assert ledger.prune(timedelta(days=90)) == 1
    assert ledger.runs()["run"].tolist() == [2]
    assert ledger.entries()["student"].tolist() == ["ben"]
    assert not holds(ledger)
    assert not holds(ledger, "old-course-of-last-year")
    assert ledger.prune(timedelta(days=90)) == 0


def test_prune_needs_no_key(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path, KEY).append(make_scores(), version=1, time="2026-01-01")
    assert Ledger(path).prune("2026-02-01") == 1


@pytest.mark.parametrize("use", ["erase", "export"])
def test_absent_ledger_raises(ledger, use):
    with pytest.raises(LedgerError, match="There is no ledger"):
        getattr(ledger, use)("ann")
    with pytest.raises(LedgerError, match="There is no ledger"):
        ledger.prune("2026-02-01")
