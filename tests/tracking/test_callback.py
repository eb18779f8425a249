"""MlflowCallback: a search in MLflow while it goes on, whatever befalls either."""

import os
import pickle
import signal
import socket
import subprocess
import sys

import pytest

from edml.exceptions import TrackingError
from edml.tracking import _recording
from edml.tracking._callback import MlflowCallback
from edml.tracking._events import read_rows
from edml.tracking._outbox import Outbox, resend
from edml.tracking._recording import Recording
from edml.tracking._sender import Report, Sender
from tracked import PATIENCE, check_whole, make_tuner, wait_until


class _NoSender:
    """Sends nothing, as one that cannot reach the server."""

    started = 0

    def __init__(self, outbox, uri, search):
        type(self).started += 1

    def wait(self, seconds):
        return Report(error="Connection refused.")


@pytest.fixture
def unsent(monkeypatch):
    """Let nothing be sent, so that the outbox can be looked at."""
    monkeypatch.setattr(_NoSender, "started", 0)
    monkeypatch.setattr(_recording, "Sender", _NoSender)


@pytest.fixture
def rows(tuner):
    return read_rows(tuner)


# -- without a server -------------------------------------------------------------


def test_each_candidate_is_on_the_disk_when_the_call_returns(unsent, outbox, rows):
    callback = MlflowCallback("of-disk", "http://ana:secret@127.0.0.1:9")
    for count, row in enumerate(rows[:3], start=1):
        assert callback(row) is None  # it never ends a search
        assert len(outbox.events()) == 1 + count
    begin, *candidates = outbox.events()
    assert (begin["experiment"], begin["target"]) == ("of-disk", "http://127.0.0.1:9")
    assert [event["order"] for event in candidates] == [1, 2, 3]
    assert outbox.is_written(begin["search"])
    assert "secret" not in "".join(p.read_text() for p in outbox.folder.iterdir())
    with pytest.warns(UserWarning, match="wait in"):
        callback.__exit__(None, None, None)


def test_values_of_the_table_are_not_in_the_outbox(unsent, outbox, tuner):
    assert any("depth" in error for error in tuner.history_["error"])
    with pytest.warns(UserWarning, match="edml registry sync --mlflow http"):
        MlflowCallback(tracking_uri="http://127.0.0.1:9").finish(tuner)
    assert outbox.events()[-1]["kind"] == "end"
    # with a blank, so that no picture's base64 holds it by chance
    said = [path.read_text() for path in outbox.folder.glob("*.json")]
    assert not any("Ana Gil" in text for text in said)


def test_finish_adds_what_the_callback_was_not_told_of(unsent, outbox, tuner, rows):
    callback = MlflowCallback(tracking_uri="http://127.0.0.1:9")
    callback(rows[4])
    with pytest.warns(UserWarning, match="Connection refused"):
        assert callback.finish(tuner) is None
    orders = [event["order"] for event in outbox.events()]
    assert orders == [*range(len(rows) + 1), 999_999_999]


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")],
)
def test_the_end_of_the_block_ends_the_run(unsent, outbox, rows, error, status):
    callback = MlflowCallback(tracking_uri="http://127.0.0.1:9")
    callback(rows[0])
    with pytest.warns(UserWarning, match="wait in"):
        callback.__exit__(error, None, None)
    end = outbox.events()[-1]
    assert end["status"] == status
    assert end["tags"] == ({"edml.error": error.__name__} if error else {})
    assert not outbox.is_written(end["search"])


def test_another_fit_is_another_search(unsent, outbox, rows):
    callback = MlflowCallback(tracking_uri="http://127.0.0.1:9")
    callback(rows[0])
    callback(rows[1])
    with pytest.warns(UserWarning, match="wait in"):
        callback(rows[0])
    assert len(outbox.searches()) == 2
    ends = [event["status"] for event in outbox.events() if event["kind"] == "end"]
    assert ends == ["KILLED"]
    with pytest.warns(UserWarning, match="wait in"):
        callback.__exit__(None, None, None)


def test_a_full_disk_warns_once_and_stops_no_search(unsent, outbox, rows, monkeypatch):
    def full(self, event):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Outbox, "add", full)
    callback = MlflowCallback(tracking_uri="http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="The search goes on"):
        callback(rows[0])
    for row in rows:  # a second warning would be an error here
        callback(row)


def test_a_row_that_cannot_be_told_stops_no_search(unsent, outbox, rows):
    callback = MlflowCallback(tracking_uri="http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="KeyError: 'started'"):
        callback({"number": 0})
    callback(rows[1])
    assert [event["kind"] for event in outbox.events()] == ["begin", "candidate"]
    with pytest.warns(UserWarning, match="wait in"):
        callback.__exit__(None, None, None)


def test_what_cannot_be_is_refused(unsent, tuner):
    with pytest.raises(TrackingError, match="is no address"):
        MlflowCallback(tracking_uri="localhost:5000")
    callback = MlflowCallback()
    with pytest.raises(ValueError, match="timeout == -1"):
        callback.finish(tuner, timeout=-1)
    with pytest.raises(ValueError, match="not fitted"):
        callback.finish(make_tuner())
    assert _NoSender.started == 0


# -- with a server ----------------------------------------------------------------


@pytest.mark.slow
def test_a_search_is_there_when_it_is_over(
    plain, mlflow_server, client, logged, outbox
):
    tuner = make_tuner()
    with MlflowCallback("whole", mlflow_server.uri, run_name="mine") as callback:
        with pytest.warns(UserWarning, match="candidates failed"):
            tuner.fit(*plain, callback=callback)
        run_id = callback.finish(tuner, timeout=PATIENCE)
    rows = read_rows(tuner)
    assert len(rows) == 20
    parent, children = check_whole(logged, "whole", rows)
    assert (parent.info.run_id, parent.info.run_name) == (run_id, "mine")
    tags, metrics = parent.data.tags, parent.data.metrics
    assert tags["edml.split_plan"] == tuner.split_plan_.hash
    assert tags["edml.data_fingerprint"] == tuner.best_estimator_.data_fingerprint_
    assert "not the performance" in tags["mlflow.note.content"]
    assert metrics["search/chosen_score"] == tuner.best_score_
    assert not [name for name in metrics if not name.startswith("search/")]
    assert parent.data.params["n_iter"] == "20"
    (best,) = children[tuner.best_index_]
    assert best.data.tags["edml.best"] == "true"
    folds = client.get_metric_history(best.info.run_id, "fold_score")
    found = {metric.step: metric.value for metric in folds}
    assert found == dict(enumerate(rows[tuner.best_index_]["fold_scores"]))
    course = client.get_metric_history(run_id, "search/best_score")
    scored = [row["number"] for row in rows if row["best_score"] == row["best_score"]]
    assert sorted(metric.step for metric in course) == scored
    files = [file.path for file in client.list_artifacts(run_id, "search")]
    assert "search/convergence.png" in files
    assert "search/history.csv" in files
    assert list(outbox.folder.iterdir()) == []


@pytest.mark.slow
def test_a_server_that_is_killed_and_restarted_has_all_once(
    mlflow_server, logged, outbox, tuner, rows
):
    callback = MlflowCallback("restarted", mlflow_server.uri)
    for row in rows[:8]:
        callback(row)
    # one of them may be on its way at this moment
    wait_until(lambda: len(logged("restarted")[1]) >= 3)
    mlflow_server.kill()
    for row in rows[8:14]:
        callback(row)
    mlflow_server.start()
    for row in rows[14:]:
        callback(row)
    callback.finish(tuner, timeout=PATIENCE)
    check_whole(logged, "restarted", rows)
    assert outbox.events() == []


_KILLED = """
import pickle, sys, time
from edml.tracking._callback import MlflowCallback
rows = pickle.loads(sys.stdin.buffer.read())
callback = MlflowCallback(sys.argv[1], sys.argv[2])
for row in rows:
    callback(row)
print(callback._recording._sender.pid, flush=True)
time.sleep(600)
"""


def start_search(experiment, uri, rows):
    """Start a process that writes rows, and then seems to go on for long."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _KILLED, experiment, uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(pickle.dumps(rows))
    process.stdin.close()
    return process, int(process.stdout.readline())


@pytest.mark.slow
def test_the_sender_of_a_killed_search_sends_what_it_left(
    mlflow_server, logged, outbox, rows
):
    process, _ = start_search("left", mlflow_server.uri, rows[:5])
    with process:
        wait_until(lambda: logged("left")[0])
        assert logged("left")[0][0].info.status == "RUNNING"
        process.kill()
    wait_until(lambda: not outbox.events())
    check_whole(logged, "left", rows[:5], "KILLED")


@pytest.mark.slow
def test_what_a_killed_search_and_sender_left_is_sent_by_the_next(
    mlflow_server, logged, outbox, rows
):
    process, sender = start_search("killed", mlflow_server.uri, rows[:6])
    with process:
        wait_until(lambda: len(logged("killed")[1]) >= 2)
        os.kill(sender, signal.SIGKILL)
        process.kill()
    assert outbox.events()
    assert resend(None, mlflow_server.uri) >= 1
    check_whole(logged, "killed", rows[:6], "KILLED")
    assert resend(None, mlflow_server.uri) == 0
    assert list(outbox.folder.iterdir()) == []


@pytest.mark.slow
def test_a_server_that_never_was_up_gets_it_all_later(
    mlflow_server, logged, outbox, tuner, rows
):
    mlflow_server.stop()
    callback = MlflowCallback("later", mlflow_server.uri)
    for row in rows:
        callback(row)
    expected = (
        f"{len(rows) + 2} of its events wait in {outbox.folder}.*Connection refused"
    )
    with pytest.warns(UserWarning, match=expected):
        assert callback.finish(tuner, timeout=PATIENCE) is None
    mlflow_server.start()
    # another callback with the same outbox takes it along
    other = MlflowCallback("others", mlflow_server.uri)
    other(rows[0])
    other.finish(tuner, timeout=PATIENCE)
    check_whole(logged, "later", rows)
    check_whole(logged, "others", rows)


@pytest.mark.slow
def test_a_server_that_hangs_is_not_waited_for(mlflow_server, logged, outbox, rows):
    mlflow_server.pause()
    try:
        callback = MlflowCallback("hangs", mlflow_server.uri)
        for row in rows[:4]:
            callback(row)
        with pytest.warns(UserWarning, match="not done after 2 seconds"):
            callback._end("FINISHED", 2.0)
        assert len(outbox.events()) == 6
    finally:
        mlflow_server.resume()
    resend(None, mlflow_server.uri)
    check_whole(logged, "hangs", rows[:4])


@pytest.mark.slow
def test_two_senders_send_it_once(mlflow_server, logged, outbox, rows, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_recording, "Sender", _NoSender)
        recording = Recording(outbox, mlflow_server.uri, "two", None, 1e9)
        for row in rows:
            recording.add(row)
        recording.end(None, None)
    senders = [Sender(outbox, mlflow_server.uri) for _ in range(2)]
    reports = [sender.wait() for sender in senders]
    assert sum(report.n_sent for report in reports) == len(rows) + 1
    check_whole(logged, "two", rows, "KILLED")


@pytest.mark.slow
def test_what_was_meant_for_another_server_stays(
    mlflow_server, outbox, rows, monkeypatch
):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with monkeypatch.context() as patch:
            patch.setattr(_recording, "Sender", _NoSender)
            recording = Recording(outbox, address, "elsewhere", None, 1e9)
            recording.add(rows[0])
            recording.end(None, None)
        with pytest.warns(UserWarning, match=f"also holds searches for {address}"):
            assert resend(None, mlflow_server.uri) == 0
    assert len(outbox.events()) == 2
