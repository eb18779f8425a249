"""Answers are recorded, and no ledger delays or fails one."""

import logging
import time
from types import SimpleNamespace

import pytest

from bodies import post, predictions
from edml.ledger import Ledger
from edml.registry import ModelRegistry
from edml.serving import _recorder, create_app
from edml.serving._server import _open_ledger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.db", timeout=0.2)


@pytest.fixture
def app(stored, ledger):
    app = create_app(ModelRegistry(stored), ledger=ledger)
    yield app
    recorder_of(app).close()


def recorder_of(app):
    (endpoint,) = app.extensions["edml.serving"].values()
    return endpoint.recorder


def test_answers_are_recorded(app, ledger, events, stored):
    found = predictions(post(app.test_client(), events))
    recorder_of(app).close()
    (run,) = ledger.runs().to_dict("records")
    record = ModelRegistry(stored).record("production")
    assert run["source"] == "serve"
    assert (run["registry"], run["version"]) == ("risk", 1)
    assert run["model_hash"] == record.model_hash
    assert run["threshold"] == record.threshold
    assert len(run["events"]) == 64
    entries = ledger.entries().set_index(["student", "course"])
    assert len(entries) == len(found) == run["n_entries"]
    for row in found.itertuples():
        entry = entries.loc[(row.user_uuid, row.course_uuid)]
        assert entry["probability"] == row.probability
        assert (entry["day"], entry["flagged"]) == (row.partition, row.flagged)


def test_rejected_requests_are_not_recorded(app, ledger, events):
    assert post(app.test_client(), events.drop(columns="user_uuid")).status_code == 422
    recorder_of(app).close()
    assert not ledger.path.exists()


def test_locked_ledger_neither_delays_nor_fails(app, ledger, events, caplog):
    client = app.test_client()
    post(client, events)
    deadline = time.monotonic() + 30
    while not ledger.path.exists() or not len(ledger.runs()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with caplog.at_level(logging.ERROR, "edml.serving"), ledger._database.writing():
        for _ in range(3):
            assert post(client, events).status_code == 200
        recorder_of(app).close()
    assert len(ledger.runs()) == 1
    (line,) = [one for one in caplog.records if one.getMessage() == "ledger"]
    assert "another process is still writing" in line.edml["problem"]
    n_students = 3 * len(ledger.entries())
    text = client.get("/metrics").get_data(as_text=True)
    assert f"edml_ledger_lost_total {float(n_students)}" in text


def test_unusable_folder_is_logged_and_counted(stored, tmp_path, events, caplog):
    (tmp_path / "a_file").write_text("")
    app = create_app(
        ModelRegistry(stored), ledger=Ledger(tmp_path / "a_file" / "ledger.db")
    )
    with caplog.at_level(logging.ERROR, "edml.serving"):
        assert post(app.test_client(), events).status_code == 200
        recorder_of(app).close()
    lines = [one for one in caplog.records if one.getMessage() == "ledger"]
    assert any("could not be written" in line.edml["problem"] for line in lines)


@pytest.mark.parametrize("limit", ["_MOST_ANSWERS", "_MOST_ROWS"])
def test_what_waits_is_bounded(monkeypatch, ledger, events, limit):
    monkeypatch.setattr(_recorder, limit, 1)
    lost = []
    recorder = _recorder.Recorder(ledger, lost.append)
    monkeypatch.setattr(recorder, "_start", lambda: None)  # nothing is written
    for _ in range(4):
        recorder.record(SimpleNamespace(), events, [{"probability": 0.5}])
    assert lost == [1, 1, 1]
    assert recorder._waiting.qsize() == 1


def test_the_server_opens_the_ledger_before_it_starts(tmp_path, monkeypatch):
    assert _open_ledger(None, None) is None
    key, path = tmp_path / "ledger.key", tmp_path / "ledger.db"
    key.write_text("0123456789abcdef\n")
    assert "pseudonyms" in repr(_open_ledger(path, key))
    monkeypatch.setenv("EDML_LEDGER_KEY", "fedcba9876543210")
    assert "pseudonyms" in repr(_open_ledger(path, None))
