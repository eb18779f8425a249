"""MlflowCallback logs a running search, whatever happens to search or server."""

import os
import pickle
import signal
import socket
import subprocess
import sys

import pytest

from edml.tracking import MlflowCallback, _callback
from edml.tracking._delivery import Report
from edml.tracking._outbox import SearchLog, find_pending
from edml.tracking._records import make_begin, make_candidate, read_rows
from edml.tracking._sender import Sender
from tracked import (
    PATIENCE,
    check_complete,
    make_tuner,
    read_outbox,
    resend,
    wait_until,
)

NOWHERE = "http://127.0.0.1:9"


class _NoSender:
    """Sends nothing, like a sender that cannot reach the server."""

    started = 0

    def __init__(self, log, uri):
        type(self).started += 1

    def wait(self, seconds):
        return Report(error="Connection refused.")


@pytest.fixture
def unsent(monkeypatch):
    """Keep everything in the outbox."""
    monkeypatch.setattr(_NoSender, "started", 0)
    monkeypatch.setattr(_callback, "Sender", _NoSender)


@pytest.fixture
def rows(tuner):
    return read_rows(tuner)


# -- without a server -------------------------------------------------------------


def test_each_candidate_is_on_the_disk_when_the_call_returns(unsent, outbox, rows):
    callback = MlflowCallback("of-disk", "http://ana:secret@127.0.0.1:9")
    for row in rows[:3]:
        assert callback(row) is None  # it never ends a search
        assert str(row["number"]) in [one["key"] for one in read_outbox(outbox)]
    begin, *records = read_outbox(outbox)
    assert (begin["experiment"], begin["target"]) == ("of-disk", NOWHERE)
    assert [one["key"] for one in records] == ["0", "1", "2"]
    (log,) = find_pending(outbox)
    assert log.is_written()
    assert "secret" not in "".join(path.read_text() for path in outbox.iterdir())
    with pytest.warns(UserWarning, match="waits in"):
        callback.__exit__(None, None, None)


def test_values_of_the_table_are_not_in_the_outbox(unsent, outbox, tuner):
    assert any("depth" in error for error in tuner.history_["error"])
    with pytest.warns(UserWarning, match="edml registry sync --mlflow http"):
        MlflowCallback(tracking_uri=NOWHERE).finish(tuner)
    assert read_outbox(outbox)[-1]["status"] == "FINISHED"
    assert "Ana Gil" not in "".join(path.read_text() for path in outbox.iterdir())


def test_finish_adds_candidates_that_the_callback_did_not_see(
    unsent, outbox, tuner, rows
):
    callback = MlflowCallback(tracking_uri=NOWHERE)
    callback(rows[4])
    with pytest.warns(UserWarning, match="Connection refused"):
        assert callback.finish(tuner) is None
    runs = [one["key"] for one in read_outbox(outbox) if "name" in one]
    assert sorted(runs[1:], key=int) == [str(row["number"]) for row in rows]


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")],
)
def test_the_end_of_the_block_ends_the_run(unsent, outbox, rows, error, status):
    callback = MlflowCallback(tracking_uri=NOWHERE)
    callback(rows[0])
    with pytest.warns(UserWarning, match="waits in"):
        callback.__exit__(error, None, None)
    end = read_outbox(outbox)[-1]
    assert end["status"] == status
    assert end["tags"] == ({"edml.error": error.__name__} if error else {})
    assert not find_pending(outbox)[0].is_written()


def test_another_fit_is_another_search(unsent, outbox, rows):
    callback = MlflowCallback(tracking_uri=NOWHERE)
    callback(rows[0])
    callback(rows[1])
    with pytest.warns(UserWarning, match="waits in"):
        callback(rows[0])
    assert len(find_pending(outbox)) == 2
    parents = [one for one in read_outbox(outbox) if one["key"] == ""]
    assert [one["status"] for one in parents if "status" in one] == ["KILLED"]
    with pytest.warns(UserWarning, match="waits in"):
        callback.__exit__(None, None, None)


def test_a_full_disk_warns_once_and_stops_no_search(unsent, outbox, rows, monkeypatch):
    def full(self, *records):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SearchLog, "append", full)
    callback = MlflowCallback(tracking_uri=NOWHERE)
    with pytest.warns(UserWarning, match="The search goes on"):
        callback(rows[0])
    for row in rows:  # a second warning would be an error here
        callback(row)


def test_an_incomplete_row_stops_no_search(unsent, outbox, rows):
    callback = MlflowCallback(tracking_uri=NOWHERE)
    with pytest.warns(UserWarning, match="KeyError: 'started'"):
        callback({"number": 0})
    callback(rows[1])
    assert [one["key"] for one in read_outbox(outbox)] == ["", "1"]
    with pytest.warns(UserWarning, match="waits in"):
        callback.__exit__(None, None, None)


def test_invalid_arguments_raise(unsent, tuner):
    callback = MlflowCallback()
    with pytest.raises(ValueError, match="timeout == -1"):
        callback.finish(tuner, timeout=-1)
    with pytest.raises(ValueError, match="not fitted"):
        callback.finish(make_tuner())
    assert _NoSender.started == 0


# -- with a server ----------------------------------------------------------------


@pytest.mark.slow
def test_a_search_is_complete_when_it_is_over(
    plain, mlflow_server, client, logged, outbox
):
    tuner = make_tuner()
    with MlflowCallback("whole", mlflow_server.uri, run_name="mine") as callback:
        with pytest.warns(UserWarning, match="candidates failed"):
            tuner.fit(*plain, callback=callback)
        run_id = callback.finish(tuner, timeout=PATIENCE)
    rows = read_rows(tuner)
    assert len(rows) == 8
    parent, children = check_complete(logged, "whole", rows)
    assert (parent.info.run_id, parent.info.run_name) == (run_id, "mine")
    tags, metrics = parent.data.tags, parent.data.metrics
    assert tags["edml.split_plan"] == tuner.split_plan_.hash
    assert tags["edml.data_fingerprint"] == tuner.best_estimator_.data_fingerprint_
    assert "not the performance" in tags["mlflow.note.content"]
    assert metrics["search/chosen_score"] == tuner.best_score_
    assert not [name for name in metrics if not name.startswith("search/")]
    assert parent.data.params["n_iter"] == "8"
    (best,) = children[tuner.best_index_]
    assert best.data.tags["edml.best"] == "true"
    folds = client.get_metric_history(best.info.run_id, "fold_score")
    found = {metric.step: metric.value for metric in folds}
    assert found == dict(enumerate(rows[tuner.best_index_]["fold_scores"]))
    course = client.get_metric_history(run_id, "search/best_score")
    scored = [row["number"] for row in rows if row["best_score"] == row["best_score"]]
    assert sorted(metric.step for metric in course) == scored
    assert client.list_artifacts(run_id) == []
    assert list(outbox.iterdir()) == []


@pytest.mark.slow
def test_a_restarted_server_gets_everything_once(
    mlflow_server, logged, outbox, tuner, rows
):
    callback = MlflowCallback("restarted", mlflow_server.uri)
    for row in rows[:4]:
        callback(row)
    # one of them may be on its way at this moment
    wait_until(lambda: len(logged("restarted")[1]) >= 3)
    mlflow_server.kill()
    for row in rows[4:6]:
        callback(row)
    mlflow_server.start()
    for row in rows[6:]:
        callback(row)
    callback.finish(tuner, timeout=PATIENCE)
    check_complete(logged, "restarted", rows)
    assert not find_pending(outbox)


_KILLED = """
import pickle, sys
from edml.tracking import MlflowCallback
callback = MlflowCallback(sys.argv[1], sys.argv[2])
while True:
    for row in pickle.load(sys.stdin.buffer):
        callback(row)
    print(callback._recording.sender.pid, flush=True)
"""


def start_search(experiment, uri):
    """Start a process that logs the rows it is sent, until it is killed."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _KILLED, experiment, uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def log_rows(process, rows):
    """Let the process log rows, and return the id of its sender."""
    pickle.dump(rows, process.stdin)
    process.stdin.flush()
    return int(process.stdout.readline())


@pytest.mark.slow
def test_the_sender_of_a_killed_search_sends_the_rest(
    mlflow_server, logged, outbox, rows
):
    with start_search("left", mlflow_server.uri) as process:
        log_rows(process, rows[:5])
        wait_until(lambda: logged("left")[0])
        assert logged("left")[0][0].info.status == "RUNNING"
        process.kill()
    wait_until(lambda: not find_pending(outbox))
    check_complete(logged, "left", rows[:5], "KILLED")


@pytest.mark.slow
def test_the_rest_of_a_killed_search_and_sender_is_sent_later(
    mlflow_server, logged, outbox, rows
):
    with start_search("killed", mlflow_server.uri) as process:
        sender = log_rows(process, rows[:3])
        wait_until(lambda: len(logged("killed")[1]) >= 2)
        os.kill(sender, signal.SIGSTOP)  # the other rows stay
        log_rows(process, rows[3:6])
        os.kill(sender, signal.SIGKILL)
        process.kill()
    (log,) = find_pending(outbox)
    with log.sender_lock().acquire(PATIENCE):
        pass  # a process of low priority dies late, and holds its lock until then
    assert resend(outbox, mlflow_server.uri) == 1 + 6
    check_complete(logged, "killed", rows[:6], "KILLED")
    assert resend(outbox, mlflow_server.uri) == 0
    assert list(outbox.iterdir()) == []


@pytest.mark.slow
def test_a_server_that_was_down_gets_everything_later(
    mlflow_server, logged, outbox, tuner, rows
):
    mlflow_server.stop()
    callback = MlflowCallback("later", mlflow_server.uri)
    for row in rows:
        callback(row)
    expected = f"the rest waits in {outbox}.*Connection refused"
    with pytest.warns(UserWarning, match=expected):
        assert callback.finish(tuner, timeout=PATIENCE) is None
    mlflow_server.start()
    # another callback with the same outbox sends it too
    other = MlflowCallback("others", mlflow_server.uri)
    other(rows[0])
    other.finish(tuner, timeout=PATIENCE)
    check_complete(logged, "later", rows)
    check_complete(logged, "others", rows)


@pytest.mark.slow
def test_a_hanging_server_does_not_block(mlflow_server, logged, outbox, rows):
    mlflow_server.pause()
    try:
        callback = MlflowCallback("hangs", mlflow_server.uri)
        for row in rows[:4]:
            callback(row)
        with pytest.warns(UserWarning, match="not done after 2 seconds"):
            callback._end("FINISHED", 2.0)
        assert len(read_outbox(outbox)) == 1 + 4 + 1
    finally:
        mlflow_server.resume()
    resend(outbox, mlflow_server.uri)
    check_complete(logged, "hangs", rows[:4])


def leave(outbox, uri, experiment, rows):
    """Leave the records of a killed search in the outbox."""
    log = SearchLog(outbox, "e" * 32)
    log.append(make_begin(log.search, uri, experiment, None, 1e9))
    for row in rows:
        log.append(make_candidate(log.search, row, 1e9))
    return log


@pytest.mark.slow
def test_two_senders_send_it_once(mlflow_server, logged, outbox, rows):
    log = leave(outbox, mlflow_server.uri, "two", rows)
    n_records = len(log.read()[0])
    senders = [Sender(log, mlflow_server.uri) for _ in range(2)]
    reports = [sender.wait() for sender in senders]
    assert sum(report.n_sent for report in reports) == n_records
    check_complete(logged, "two", rows, "KILLED")


@pytest.mark.slow
def test_searches_for_another_server_stay(mlflow_server, outbox, rows):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        log = leave(outbox, address, "elsewhere", rows[:1])
        with pytest.warns(UserWarning, match=f"also holds searches for {address}"):
            assert resend(outbox, mlflow_server.uri) == 0
    assert len(log.read()[0]) == 2
