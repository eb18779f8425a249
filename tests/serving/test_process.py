"""What only a whole server shows: its path, gzip, origins, the page."""

import gzip
import http.client
import json

import pytest

from edml.registry import ModelRegistry
from served import edml_serve, make_registry, students, wait_until

OURS = "https://tutors.example.org"
X = students(12)
CSV = {"Content-Type": "text/csv"}
GZIP = {**CSV, "Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    make_registry(folder)
    return folder


@pytest.mark.slow
def test_below_a_path_with_gzip_and_origins(registry):
    def ask(method, path, body=None, headers=None):
        kept.request(method, path, body, headers or {})
        answer = kept.getresponse()
        text = answer.read()
        kind = answer.headers.get("Content-Type", "")
        return answer, json.loads(text) if "json" in kind else text.decode()

    body = X.to_csv(index=False).encode()
    packed, bomb = gzip.compress(body), gzip.compress(bytes(65 * 2**20))
    truth = ModelRegistry(registry).load().score_students(X, at=20, n_reasons=0)
    with edml_serve(
        registry, "--origins", OURS, env={"SCRIPT_NAME": "/risk"}
    ) as served:
        kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        wait_until(lambda: ask("GET", "/risk/ready")[0].status == 200)

        answer, found = ask("POST", "/risk/predict?at=20", packed, GZIP)
        probabilities = [one["probability"] for one in found["predictions"]]
        assert probabilities == truth["probability"].tolist()
        assert answer.headers["Connection"] == "keep-alive"

        rejected = {
            (400, "content-encoding"): packed[:-9],
            (413, "too-large"): bomb,
        }
        for (status, code), sent in rejected.items():
            answer, problem = ask("POST", "/risk/predict", sent, GZIP)
            assert (answer.status, problem["code"]) == (status, code)
        answer, problem = ask("POST", "/risk/predict?at=x", body, CSV)
        assert (answer.status, problem["parameter"]) == (400, "at")
        assert answer.headers["Connection"] == "close"  # its body was not read

        origin = {"Origin": OURS, "Access-Control-Request-Method": "POST"}
        answer, _ = ask("OPTIONS", "/risk/predict", headers=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == OURS

        _, document = ask("GET", "/risk/openapi.json")
        assert document["servers"] == [{"url": "/risk"}]
        answer, page = ask("GET", "/risk/docs")
        assert "<code>/risk</code>" in page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

        answer, problem = ask("GET", "/health")
        assert (answer.status, problem["status"]) == (404, 404)
        kept.close()
        served.process.terminate()
        assert "Traceback" not in served.output()
