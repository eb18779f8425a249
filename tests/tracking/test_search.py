"""log_search, and the requests that it makes: none is lost, none counts twice."""

import itertools
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.exceptions import TrackingError
from edml.tracking._callback import MlflowCallback
from edml.tracking._delivery import Delivery
from edml.tracking._events import make_begin, make_candidate, make_end, read_rows
from edml.tracking._outbox import Outbox, resend
from edml.tracking._search import log_search
from edml.tracking._store import open_client
from tracked import PATIENCE, check_whole, make_tuner


def test_a_search_must_be_over(outbox):
    with pytest.raises(ValueError, match="not fitted"):
        log_search(make_tuner())
    assert not outbox.folder.exists()


@pytest.mark.slow
def test_a_search_is_logged_once(mlflow_server, client, logged, outbox, tuner):
    run_id = log_search(tuner, "once", mlflow_server.uri)
    parent, _ = check_whole(logged, "once", read_rows(tuner))
    assert parent.info.run_id == run_id
    with pytest.warns(UserWarning, match=f"logged before, as run {run_id}"):
        assert log_search(tuner, "once", mlflow_server.uri) == run_id
    check_whole(logged, "once", read_rows(tuner))
    assert list(outbox.folder.iterdir()) == []


@pytest.mark.slow
def test_a_search_that_was_logged_live_is_known(mlflow_server, logged, outbox, tuner):
    run_id = MlflowCallback("live", mlflow_server.uri).finish(tuner, timeout=PATIENCE)
    with pytest.warns(UserWarning, match=f"logged before, as run {run_id}"):
        assert log_search(tuner, "live", mlflow_server.uri) == run_id
    check_whole(logged, "live", read_rows(tuner))


@pytest.mark.slow
def test_without_a_server_it_is_a_file(outbox, tuner):
    run_id = log_search(tuner)
    with open_client(None) as client:
        run = client.get_run(run_id)
        assert run.info.status == "FINISHED"
        children = client.search_runs([run.info.experiment_id])
        assert len(children) == 1 + len(tuner.history_)
        paths = [file.path for file in client.list_artifacts(run_id, "search")]
        assert "search/history.csv" in paths
    assert {p.name for p in outbox.folder.parent.iterdir()} == {
        ".edml-outbox",
        "mlflow.db",
        "mlruns",
    }


@pytest.mark.slow
def test_a_server_that_is_down_leaves_it_all(mlflow_server, logged, outbox, tuner):
    mlflow_server.stop()
    n_events = 2 + len(tuner.history_)
    for _ in range(2):  # a second try writes the same events again
        with pytest.raises(TrackingError, match=f"{n_events} of its events wait in"):
            log_search(tuner, "down", mlflow_server.uri)
        assert len(outbox.events()) == n_events
    with pytest.raises(TrackingError, match=f"{n_events} events are left"):
        resend(None, mlflow_server.uri)
    mlflow_server.start()
    log_search(tuner, "down", mlflow_server.uri)
    check_whole(logged, "down", read_rows(tuner))


class _LosesAnswers(BaseHTTPRequestHandler):
    """Hands on what it is asked; of a third of the changes the answer is lost."""

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
            self.close_connection = True  # without a word
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
    """Give the address of a way to the server that loses answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _LosesAnswers) as proxy:
        proxy.behind = mlflow_server.uri
        proxy.daemon_threads = True
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()
        thread.join()


@pytest.mark.slow
def test_a_lost_answer_makes_no_run_twice(losing, logged, outbox, tuner):
    rows = read_rows(tuner)
    begin = make_begin("a" * 32, losing, "lost", None, 1000)
    outbox.add(begin)
    for row in rows:
        outbox.add(make_candidate("a" * 32, row, 1.0))
    outbox.add(make_end("a" * 32, "FINISHED", 9000))
    n_lost = 0
    with open_client(losing) as client:
        delivery = Delivery(client, outbox, begin, losing)
        while outbox.events():
            try:
                delivery.send(is_over=True)
            except Exception:
                n_lost += 1
                assert n_lost < 200
    assert n_lost > len(rows) / 2
    check_whole(logged, "lost", rows)


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
    outbox = Outbox(folder)
    search = f"{next(_IDS):032x}"
    begin = make_begin(search, "file", "any", error[:600] or None, 1000)
    outbox.add(begin)
    outbox.add(make_candidate(search, row, 1.0))
    delivery = Delivery(client, outbox, begin, "file")
    assert delivery.send(is_over=True)
    assert delivery.refused == []
    assert outbox.events() == []
    filter_string = f"tags.`edml.search` = '{search}'"
    experiment = client.get_experiment_by_name("any").experiment_id
    found = client.search_runs([experiment], filter_string)
    (child,) = [run for run in found if "edml.candidate" in run.data.tags]
    assert len(child.data.params) == len(params)


_IDS = itertools.count()


@pytest.fixture(scope="module")
def local_client(tmp_path_factory):
    """Give a client of a file: as many requests as one likes, and no process."""
    folder = tmp_path_factory.mktemp("local")
    with open_client(f"sqlite:///{folder / 'mlflow.db'}") as client:
        # else its artifacts would be in the working directory
        client.create_experiment("any", (folder / "artifacts").as_uri())
        yield client, folder / "outbox"


@pytest.mark.slow
def test_what_is_refused_is_set_aside_and_the_rest_sent(local_client, tuner, tmp_path):
    client, _ = local_client
    outbox, search = Outbox(tmp_path / "outbox"), "b" * 32
    begin = make_begin(search, "file", "any", None, 1000)
    outbox.add(begin)
    rows = read_rows(tuner)[:3]
    for row in rows:
        event = make_candidate(search, row, 1.0)
        if row["number"] == 1:
            event["params"] = {"../up": "1"}
        outbox.add(event)
    delivery = Delivery(client, outbox, begin, "file")
    assert delivery.send(is_over=True)
    assert len(delivery.refused) == 1
    assert [path.suffix for path in outbox.folder.iterdir()] == [".refused"]


@pytest.mark.slow
def test_a_run_that_was_deleted_by_hand_is_not_made_again(
    local_client, tuner, tmp_path
):
    client, _ = local_client
    outbox, search = Outbox(tmp_path / "outbox"), "c" * 32
    begin = make_begin(search, "file", "any", None, 1000)
    outbox.add(begin)
    event = make_candidate(search, read_rows(tuner)[0], 1.0)
    outbox.add(event)
    Delivery(client, outbox, begin, "file").send(is_over=False)
    experiment = client.get_experiment_by_name("any").experiment_id
    of_search = f"tags.`edml.search` = '{search}'"
    (child,) = client.search_runs(
        [experiment], f"{of_search} and tags.`edml.candidate` = '0'"
    )
    client.delete_run(child.info.run_id)
    outbox.add(event)  # as if the answer had been lost
    assert Delivery(client, outbox, begin, "file").send(is_over=True)
    assert len(client.search_runs([experiment], of_search)) == 1


@pytest.mark.slow
def test_of_runs_that_are_there_twice_one_is_kept(local_client, tuner, tmp_path):
    client, _ = local_client
    outbox, search = Outbox(tmp_path / "outbox"), "d" * 32
    begin = make_begin(search, "file", "any", None, 1000)
    rows = read_rows(tuner)[:3]
    for event in [begin, *(make_candidate(search, row, 1.0) for row in rows)]:
        outbox.add(event)
    delivery = Delivery(client, outbox, begin, "file")
    delivery.send(is_over=False)
    experiment = client.get_experiment_by_name("any").experiment_id
    # as if requests that were given up had come in late
    for _ in range(3):
        client.create_run(experiment, tags=begin["tags"])
        tags = {"edml.search": search, "edml.candidate": "1"}
        client.create_run(experiment, tags=tags)
    again = Delivery(client, outbox, begin, "file")
    assert again.send(is_over=True)
    runs = client.search_runs([experiment], f"tags.`edml.search` = '{search}'")
    assert len(runs) == 4
    (parent,) = [run for run in runs if "edml.candidate" not in run.data.tags]
    assert parent.info.run_id == delivery.run_id
    children = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {again.run_id}
    assert {run.info.status for run in children} <= {"FINISHED", "FAILED"}
