"""``mlflow models serve`` returns the same bits as the registry's model."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import urllib3

import mirrored
from edml.tracking import load_model, sync
from edml.tracking._package import make_example
from tracked import PATIENCE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    registry = mirrored.make_registry(folder / "registry", n_versions=2)
    registry.promote(2, why="to be served")
    return registry


@pytest.fixture(scope="module")
def served(registry, _server, tmp_path_factory):
    """Serve the champion from a new mirror; return the address."""
    _server.start()
    folder = tmp_path_factory.mktemp("models-serve")
    sync(registry, _server.uri, outbox=folder / "outbox")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    settings = {
        "MLFLOW_TRACKING_URI": _server.uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # MLflow looks for uvicorn there, and not next to its interpreter
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve"]
    command += ["--model-uri", f"models:/{registry.name}@champion"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env=kept | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address, folder / "log")
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process, address, log):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            answer = urllib3.request("GET", f"{address}/ping", timeout=5, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
            continue
        if answer.status == 200:
            return
    raise RuntimeError(f"The model is not served:\n{log.read_text()[-3000:]}")


def ask(address, body, kind="application/json"):
    answer = urllib3.request(
        "POST",
        f"{address}/invocations",
        body=body,
        headers={"Content-Type": kind},
        timeout=PATIENCE,
        retries=False,
    )
    assert answer.status == 200, answer.data[:2000]
    found = json.loads(answer.data)["predictions"]
    assert {frozenset(one) for one in found} == {frozenset(["probability", "flagged"])}
    return (
        np.array([one["probability"] for one in found]),
        np.array([one["flagged"] for one in found]),
    )


def as_json(X, orient):
    cells = X.astype(object).where(X.notna(), None)
    if orient == "records":
        return json.dumps({"dataframe_records": cells.to_dict("records")})
    split = {"columns": list(X.columns), "data": cells.to_numpy().tolist()}
    return json.dumps({"dataframe_split": split})


@pytest.fixture(scope="module")
def expected(registry):
    X, _ = mirrored.students(50, n=60)
    X = X.drop(columns="nota_final_materia")
    model = registry.load("production")
    probability = model.predict_proba(X)[:, 1]
    assert len(np.unique(probability)) > 20
    return X, probability, model.predict(X).astype(bool)


@pytest.mark.parametrize("orient", ["records", "split"])
def test_json_keeps_the_bits(served, expected, orient):
    X, probability, flagged = expected
    found = ask(served, as_json(X, orient))
    np.testing.assert_array_equal(found[0], probability)
    np.testing.assert_array_equal(found[1], flagged)


def test_csv_keeps_the_bits(served, expected):
    X, probability, flagged = expected
    found = ask(served, X.to_csv(index=False), "text/csv")
    np.testing.assert_array_equal(found[0], probability)
    np.testing.assert_array_equal(found[1], flagged)


def test_whole_numbers_are_numbers(served, expected):
    """Check a platform's integers for days and assignments."""
    X = expected[0].copy()
    X["particion"] = X["particion"].fillna(0).astype("int64")
    X["assignment_id"] = X["assignment_id"].astype("Int64")
    body = as_json(X, "split")
    first = dict(
        zip(X.columns, json.loads(body)["dataframe_split"]["data"][0], strict=True)
    )
    assert isinstance(first["particion"], int)
    found = ask(served, body)
    np.testing.assert_array_equal(found[0], expected[1])


def test_served_model_answers_the_logged_example(served, registry):
    model = registry.load("production")
    example = make_example(model)
    found = ask(served, as_json(example, "split"))
    np.testing.assert_array_equal(found[0], model.predict_proba(example)[:, 1])


def test_served_model_matches_load_model(served, registry, mlflow_server, expected):
    X, probability, _ = expected
    model = load_model(f"models:/{registry.name}@champion", mlflow_server.uri)
    np.testing.assert_array_equal(model.predict_proba(X)[:, 1], probability)
    np.testing.assert_array_equal(ask(served, as_json(X, "split"))[0], probability)


def test_error_names_a_missing_column(served, expected):
    X = expected[0].drop(columns="score")
    answer = urllib3.request(
        "POST",
        f"{served}/invocations",
        body=as_json(X, "split"),
        headers={"Content-Type": "application/json"},
        retries=False,
    )
    assert answer.status == 400
    assert b"score" in answer.data
