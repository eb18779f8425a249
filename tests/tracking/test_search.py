"""log_search: no request is lost, and none counts twice."""

import itertools
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.exceptions import TrackingError
from edml.tracking import MlflowCallback, log_search
from edml.tracking._client import make_client, resolve_uri
from edml.tracking._delivery import Delivery, Report
from edml.tracking._outbox import SearchLog
from edml.tracking._records import make_begin, make_candidate, make_end, read_rows
from tracked import PATIENCE, check_complete, make_tuner, read_outbox, resend


def test_a_search_must_be_over(outbox):
    with pytest.raises(ValueError, match="not fitted"):
        log_search(make_tuner())
    assert not outbox.exists()


@pytest.mark.slow
def test_a_search_is_logged_once(mlflow_server, client, logged, outbox, tuner):
    run_id = log_search(tuner, "once", mlflow_server.uri)
    parent, _ = check_complete(logged, "once", read_rows(tuner))
    assert parent.info.run_id == run_id
    with pytest.warns(UserWarning, match=f"logged before, as run {run_id}"):
        assert log_search(tuner, "once", mlflow_server.uri) == run_id
    check_complete(logged, "once", read_rows(tuner))
    assert list(outbox.iterdir()) == []


@pytest.mark.slow
def test_a_search_that_was_logged_live_is_known(mlflow_server, logged, outbox, tuner):
    run_id = MlflowCallback("live", mlflow_server.uri).finish(tuner, timeout=PATIENCE)
    with pytest.warns(UserWarning, match=f"logged before, as run {run_id}"):
        assert log_search(tuner, "live", mlflow_server.uri) == run_id
    check_complete(logged, "live", read_rows(tuner))


@pytest.mark.slow
def test_without_a_server_it_is_a_file(outbox, tuner):
    run_id = log_search(tuner)
    client = make_client(resolve_uri(None))
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    children = client.search_runs([run.info.experiment_id])
    assert len(children) == 1 + len(tuner.history_)
    assert {p.name for p in outbox.parent.iterdir()} == {".edml-outbox", "mlflow.db"}


@pytest.mark.slow
def test_server_that_is_down_keeps_all_records(mlflow_server, logged, outbox, tuner):
    mlflow_server.stop()
    for _ in range(2):  # a second try replaces the first
        with pytest.raises(TrackingError, match="the rest waits in"):
            log_search(tuner, "down", mlflow_server.uri)
        assert len(read_outbox(outbox)) == 1 + len(tuner.history_) + 2
    with pytest.raises(TrackingError, match="Expected MLflow at"):
        resend(outbox, mlflow_server.uri)
    mlflow_server.start()
    log_search(tuner, "down", mlflow_server.uri)
    check_complete(logged, "down", read_rows(tuner))


class _LosesAnswers(BaseHTTPRequestHandler):
    """Forwards requests, and drops the answer to a third of the changes."""

    luck = random.Random(0)  # noqa: S311

    def _hand_on(self):
        length = int(self.headers.get("Content-Length") or 0)
        answer = urllib3.request(
            self.command,
            f"{self.server.behind}{self.path}",
            body=self.rfile.read(length),
            headers={"Content-Type": self.headers.get("Content-Type") or ""},
            retries=False,
        )
        changes = self.command == "POST" and "search" not in self.path
        if changes and self.luck.random() < 1 / 3:
            self.close_connection = True  # without an answer
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)

    do_GET = do_POST = do_PUT = _hand_on  # noqa: N815 - the library's names

    def log_message(self, *args):
        pass


@pytest.fixture
def losing(mlflow_server):
    """Return the address of a proxy that loses the server's answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _LosesAnswers) as proxy:
        proxy.behind = mlflow_server.uri
        proxy.daemon_threads = True
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()
        thread.join()


@pytest.mark.slow
def test_lost_answer_duplicates_no_run(losing, logged, outbox, tuner):
    rows = read_rows(tuner)
    log = SearchLog(outbox, "a" * 32)
    fill(log, "lost", rows, make_end("FINISHED"))
    client, n_lost = make_client(losing), 0
    while log.path.exists():
        try:
            deliver(client, log)
        except Exception:
            n_lost += 1
            assert n_lost < 200
    assert n_lost > len(rows) / 2
    check_complete(logged, "lost", rows)


def fill(log, experiment, rows, *end):
    log.append(make_begin(log.search, "there", experiment, None, 1.0))
    for row in rows:
        log.append(make_candidate(log.search, row, 1.0))
    log.append(*end)


def deliver(client, log, *, is_over=True):
    """Send a log's records, and return the report."""
    report = Report()
    begin = log.begin()
    Delivery(client, log, begin, "there", report).send(is_over=is_over)
    return report


_TEXTS = st.text(st.characters(), max_size=300) | st.integers(5990, 9000).map(
    "x".__mul__
)
_NUMBERS = st.floats() | st.integers(-(2**70), 2**70)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    params=st.dictionaries(_TEXTS, _TEXTS | _NUMBERS | st.none(), max_size=120),
    figures=st.lists(_NUMBERS, min_size=3, max_size=3),
    error=_TEXTS,
    number=st.integers(0, 10**6),
)
def test_any_row_is_taken(local_client, params, figures, error, number):
    client, folder = local_client
    row = {
        "number": number,
        "algorithm": error[:40],
        "status": "failed",
        "error": error,
        "params": params,
        "started": 0.0,
        "wall_time": 1.0,
        **dict(zip(("score", "roc_auc", "fit_time"), figures, strict=True)),
        "fold_scores": figures,
    }
    log = SearchLog(folder, f"{next(_IDS):032x}")
    log.append(make_begin(log.search, "there", "any", error[:600] or None, 1.0))
    log.append(make_candidate(log.search, row, 1.0))
    assert deliver(client, log).refused == []
    assert not log.path.exists()
    filter_string = f"tags.`edml.search` = '{log.search}'"
    experiment = client.get_experiment_by_name("any").experiment_id
    found = client.search_runs([experiment], filter_string)
    (child,) = [run for run in found if "edml.candidate" in run.data.tags]
    assert len(child.data.params) == len(params)


_IDS = itertools.count()


@pytest.fixture(scope="module")
def local_client(tmp_path_factory):
    """Return a client of a file, without a process, and a folder for the outbox."""
    folder = tmp_path_factory.mktemp("local")
    client = make_client(f"sqlite:///{folder / 'mlflow.db'}")
    # otherwise its artifacts would be in the working directory
    client.create_experiment("any", (folder / "artifacts").as_uri())
    return client, folder / "outbox"


@pytest.mark.slow
def test_rejected_records_are_set_aside_and_the_rest_is_sent(
    local_client, tuner, tmp_path
):
    client, _ = local_client
    log = SearchLog(tmp_path, "b" * 32)
    bad = {"key": "1", "name": "1", "started": 1, "params": {"../up": "1"}}
    fill(log, "any", read_rows(tuner)[:1], bad, {"damaged": "{"})
    report = deliver(client, log)
    assert len(report.refused) == 2
    assert [path.suffix for path in tmp_path.iterdir()] == [".rejected"]
    assert len(find_of(client, log.search)) == 2


def find_of(client, search, more=""):
    experiment = client.get_experiment_by_name("any").experiment_id
    return client.search_runs([experiment], f"tags.`edml.search` = '{search}'{more}")


@pytest.mark.slow
def test_a_run_that_was_deleted_by_hand_is_not_made_again(
    local_client, tuner, tmp_path
):
    client, _ = local_client
    log = SearchLog(tmp_path, "c" * 32)
    fill(log, "any", read_rows(tuner)[:1])
    deliver(client, log, is_over=False)
    (child,) = find_of(client, log.search, " and tags.`edml.candidate` = '0'")
    client.delete_run(child.info.run_id)
    deliver(client, log)  # as if the answer had been lost
    assert len(find_of(client, log.search)) == 1


@pytest.mark.slow
def test_of_twins_one_is_kept(local_client, tuner, tmp_path):
    client, _ = local_client
    log = SearchLog(tmp_path, "d" * 32)
    fill(log, "any", read_rows(tuner)[:3])
    first = deliver(client, log, is_over=False)
    experiment = client.get_experiment_by_name("any").experiment_id
    # as if abandoned requests arrived late
    for _ in range(3):
        client.create_run(experiment, tags={"edml.search": log.search})
        tags = {"edml.search": log.search, "edml.candidate": "1"}
        client.create_run(experiment, tags=tags)
    assert deliver(client, log).runs == first.runs
    runs = find_of(client, log.search)
    assert len(runs) == 4
    (parent,) = [run for run in runs if "edml.candidate" not in run.data.tags]
    assert parent.info.run_id == first.runs[log.search]
    assert parent.info.status == "KILLED"
    children = [run for run in runs if run is not parent]
    parents = {run.data.tags["mlflow.parentRunId"] for run in children}
    assert parents == {parent.info.run_id}
    assert {run.info.status for run in children} <= {"FINISHED", "FAILED"}
