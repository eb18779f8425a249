"""edml-serve: its options, and its behaviour as a process."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import sys
import threading
import time

import psutil
import pytest
import trustme
import typer
from typer.testing import CliRunner

from edml.exceptions import RegistryError, ServingError
from edml.registry import generate_keys
from edml.serving import RiskClient, _server, _wire
from edml.serving._server import app
from served import edml_serve, make_registry, students, wait_until

TOKEN = "s3cret-of-the-tutors-page"  # noqa: S105
X = students(12)
BODY, KIND = _wire.encode(X)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    make_registry(folder)
    return folder


@pytest.fixture
def registry(stored, tmp_path):
    """Return a separate registry with version 1 as champion."""
    folder = tmp_path / "registry"
    shutil.copytree(stored, folder)
    return folder


@pytest.fixture(scope="module")
def expected(stored):
    """Return the probabilities by version."""
    from edml.registry import ModelRegistry  # noqa: PLC0415 - imported where it is used

    registry = ModelRegistry(stored)
    return {
        version: registry.load(version).score_students(X)["probability"].tolist()
        for version in (1, 2)
    }


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN} predict,read\n")
    path.chmod(0o600)
    return path


# -- options --------------------------------------------------------------------------

COMMAND = typer.main.get_command(app)


def asked(monkeypatch, *arguments, **environment):
    """Return the options of a command line and an environment, as text."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return COMMAND.make_context("edml-serve", list(map(str, arguments))).params


def test_defaults(monkeypatch):
    found = asked(monkeypatch)
    assert found["host"] == "127.0.0.1"  # outside access needs an explicit option
    assert (found["threads"], found["workers"]) == (1, 1)
    assert found["token_file"] is None


OPTIONS = [
    ("--registry", "EDML_REGISTRY_PATH", "registry", "other"),
    ("--name", "EDML_REGISTRY_NAME", "name", "second"),
    ("--host", "EDML_ENDPOINT_HOST", "host", "::1"),
    ("--port", "EDML_ENDPOINT_PORT", "port", "9000"),
    ("--threads", "EDML_THREADS", "threads", "3"),
    ("--workers", "EDML_WORKERS", "workers", "2"),
    ("--token-file", "EDML_ENDPOINT_TOKEN_FILE", "token_file", "tokens"),
    ("--certificate", "EDML_CERTIFICATE", "certificate", "chain.pem"),
    ("--key", "EDML_CERTIFICATE_KEY", "key", "key.pem"),
    ("--origins", "EDML_ORIGINS", "origins", "https://tutors.example.org"),
]


@pytest.mark.parametrize(("flag", "variable", "name", "value"), OPTIONS)
def test_option(monkeypatch, flag, variable, name, value):
    assert str(asked(monkeypatch, flag, value)[name]) == value
    assert str(asked(monkeypatch, **{variable: value})[name]) == value
    other = "7" if value.isdigit() else "another"
    assert str(asked(monkeypatch, flag, value, **{variable: other})[name]) == value


EARLIER = [
    ("EDML_REGISTRY", "EDML_REGISTRY_PATH", "registry"),
    ("EDML_NAME", "EDML_REGISTRY_NAME", "name"),
    ("EDML_HOST", "EDML_ENDPOINT_HOST", "host"),
    ("EDML_PORT", "EDML_ENDPOINT_PORT", "port"),
    ("EDML_TOKEN_FILE", "EDML_ENDPOINT_TOKEN_FILE", "token_file"),
]


@pytest.mark.parametrize(("old", "new", "name"), EARLIER)
def test_earlier_variables_are_read_with_a_word(monkeypatch, old, new, name):
    value, other = ("7", "8") if name == "port" else ("one", "another")
    assert str(asked(monkeypatch, **{old: value})[name]) == value
    assert str(asked(monkeypatch, **{old: value, new: other})[name]) == other
    options = ["--key", "key.pem"]  # which cannot start without a certificate
    result = CliRunner().invoke(app, options, env={old: value, new: None})
    assert f"{old} is called {new} now" in result.stderr
    result = CliRunner().invoke(app, options, env={old: value, new: other})
    assert "is called" not in result.stderr


def test_registry_key_comes_only_from_the_environment():
    result = CliRunner().invoke(app, ["--help"], env={"EDML_REGISTRY_KEY": "signs it"})
    assert "EDML_REGISTRY_KEY" in result.output
    assert "signs it" not in result.output
    assert not any("registry_key" in option.name for option in COMMAND.params)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", 70000),
        ("--threads", 0),
        ("--workers", 0),
        ("--port", "http"),
        ("-x",),
    ],
)
def test_usage(arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 2


# -- errors before the start ----------------------------------------------------------


def refused(*arguments, **environment):
    environment = {"EDML_ENDPOINT_PORT": "0"} | environment  # port 8000 may be taken
    result = CliRunner().invoke(app, list(map(str, arguments)), env=environment)
    assert result.exit_code == 1, result.output
    *_, line = result.stderr.splitlines()
    assert line.startswith("edml-serve: ")
    assert "Traceback" not in result.output
    return line


def test_a_port_that_is_taken(registry):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused("--registry", registry, "--port", port)
    assert f"port {port}: Address already in use" in line


def test_an_address_that_is_not_ours(registry):
    line = refused("--registry", registry, "--host", "192.0.2.1")
    assert "192.0.2.1" in line
    assert "no-such-host" in refused("--host", "no-such-host.invalid")


def test_token_file_readable_by_others(registry, token_file):
    token_file.chmod(0o644)
    line = refused("--registry", registry, "--token-file", token_file)
    assert "chmod 600" in line
    assert TOKEN not in line
    assert "absent" in refused("--token-file", token_file.parent / "absent")


def test_a_file_that_is_not_a_certificate(registry, tmp_path):
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    assert "wrong.pem" in refused("--certificate", wrong)
    assert "absent.pem" in refused("--certificate", tmp_path / "absent.pem")
    assert "--certificate" in refused("--key", wrong)


def test_a_private_key_of_another_certificate(tmp_path):
    one, other = (trustme.CA().issue_cert("127.0.0.1") for _ in range(2))
    one.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    other.private_key_pem.write_to_path(tmp_path / "key.pem")
    line = refused(
        "--certificate", tmp_path / "chain.pem", "--key", tmp_path / "key.pem"
    )
    assert "key.pem" in line


def test_an_empty_key_and_a_wrong_name(registry):
    assert "key" in refused("--registry", registry, EDML_REGISTRY_KEY="")
    assert "name" in refused("--registry", registry, "--name", "../up").lower()


def test_an_origin_of_another_form(registry):
    for origins in ("*", "https://tutors.example.org/", "https://ok.org,tutors"):
        assert "origins" in refused("--registry", registry, "--origins", origins)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gunicorn", None)
    assert "pip install 'edml[serve]'" in refused()


def test_probable_mistakes_are_warned_of(registry, capsys, token_file):
    def run(host="127.0.0.1", token_file=None):
        opened = _server._open(registry, "risk")
        _server._warn_of_mistakes(opened, host, token_file)
        return capsys.readouterr().err

    assert run() == ""
    assert run(host="localhost") == ""
    assert "anybody who reaches 0.0.0.0" in run(host="0.0.0.0")  # noqa: S104
    assert run(host="0.0.0.0", token_file=token_file) == ""  # noqa: S104
    shutil.rmtree(registry)
    assert "no champion yet" in run()


def test_the_registry_is_opened_with_public_keys_and_a_memory(registry, tmp_path):
    public, _ = generate_keys(tmp_path / "other.pem")
    memory = tmp_path / "memory"
    opened = _server._open(registry, "risk", [str(public)], memory)
    with pytest.raises(RegistryError, match="found no signature"):
        opened.load("production")
    assert not memory.exists()
    assert "no such file" in refused("--public-keys", f"{public}, no.pub").lower()
    assert "with memory=" in refused("--memory", memory)


# -- in a separate process ------------------------------------------------------------


def post(connection, path="/predict"):
    connection.request("POST", path, BODY, {"Content-Type": KIND})
    answer = connection.getresponse()
    return answer.status, answer.read()


def probabilities(body):
    answer = json.loads(body)
    found = [entry["probability"] for entry in answer["predictions"]]
    return answer["model"]["version"], found


class Load(threading.Thread):
    """A client that sends requests until stopped or the server is gone."""

    def __init__(self, port, expected, fresh=False):
        super().__init__()
        self.port, self.expected, self.fresh = port, expected, fresh
        self.done = threading.Event()
        self.closing = False  # whether the server may close connections
        self.versions, self.lost = [], []

    def run(self):
        connection = self._connect()
        while not self.done.is_set():
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                return  # it accepts no more
            try:
                status, body = post(connection)
            except (http.client.HTTPException, OSError) as error:
                # no byte of an answer: the server had not taken the request
                untaken = isinstance(error, ConnectionError)
                if not (self.closing and untaken):
                    self.lost.append(repr(error))
                connection.close()
                continue
            version, found = probabilities(body) if status == 200 else (status, None)
            self.versions.append(version)
            if found != self.expected.get(version):
                self.lost.append(f"{status}: {body[:300]!r}")
            if self.fresh:
                connection.close()
        connection.close()

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


def under_load(served, expected, n_clients=4):
    clients = [Load(served.port, expected, fresh=n % 2 == 1) for n in range(n_clients)]
    for client in clients:
        client.start()
    wait_until(lambda: all(client.versions or client.lost for client in clients))
    return clients


def finish(clients):
    for client in clients:
        client.done.set()
        client.join(60)
        assert not client.is_alive()
        assert client.lost == []


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_without_losing_a_request(registry, expected, end, workers):
    with edml_serve(registry, "--workers", workers) as served:
        clients = under_load(served, expected)
        children = psutil.Process(served.process.pid).children(recursive=True)
        assert len(children) >= workers
        for client in clients:
            client.closing = True
        os.killpg(served.process.pid, end)  # as a terminal or container does
        assert served.process.wait(60) == 0
        finish(clients)
        assert served.output().count("Traceback") == 0
    children = [
        p for p in psutil.process_iter(["ppid"]) if p.ppid() == served.process.pid
    ]
    assert children == []


@pytest.mark.slow
def test_requests_in_progress_are_answered(registry, expected):
    with edml_serve(registry) as served:
        RiskClient(served.url).ready()  # it listens before a worker has started
        with served.connect() as sock:
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\n"
            head += f"Content-Length: {len(BODY)}\r\n\r\n"
            sock.sendall(head.encode() + BODY[:-10])
            time.sleep(0.5)  # it is read by now
            served.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            sock.sendall(BODY[-10:])
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            assert probabilities(answer.read()) == (1, expected[1])
        assert served.process.wait(60) == 0


@pytest.mark.slow
def test_idle_and_slow_clients_do_not_delay_shutdown(registry):
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\n".encode()
    half = head + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:500]
    with edml_serve(registry) as served, RiskClient(served.url) as kept:
        assert kept.ready()
        with served.connect(), served.connect() as slow:
            slow.sendall(half)
            time.sleep(0.5)  # it is read by now
            served.process.send_signal(signal.SIGTERM)
            # requests in flight have 40 seconds; these must not use them
            assert served.process.wait(20) == 0
            assert slow.makefile("rb").readline().split()[1] == b"408"


@pytest.mark.slow
def test_slow_clients_delay_nobody(registry, expected):
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\n".encode()
    half = head + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:500]
    starts = [b"", b"POST /pre", head, half]
    with edml_serve(registry) as served:
        held = [served.connect() for _ in range(200)]
        try:
            for number, sock in enumerate(held):
                sock.sendall(starts[number % len(starts)])
            with RiskClient(served.url, retries=0, timeout=20) as client:
                for _ in range(5):
                    found = client.predict(X)["probability"].tolist()
                    assert found == expected[1]
        finally:
            for sock in held:
                sock.close()


@pytest.mark.slow
def test_half_headers_do_not_stop_the_health_check(registry, expected):
    with edml_serve(registry) as served:
        RiskClient(served.url).ready()  # it listens before a worker has started
        held = [served.connect() for _ in range(300)]
        try:
            for sock in held:
                sock.sendall(b"GET /health HTTP/1.1\r\nHo")
            with RiskClient(served.url, retries=0, timeout=10) as client:
                assert client.ready()
                assert client.predict(X)["probability"].tolist() == expected[1]
            # so many have less time to send the rest
            held[0].settimeout(15)
            assert b"408" in held[0].recv(100) or held[0].recv(1) == b""
        finally:
            for sock in held:
                sock.close()


@pytest.mark.slow
def test_too_many_trailers_are_the_clients_fault(registry):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    trailers = [
        b"s3cret: x\r\n" * 200,
        b"s3cret" * 20_000 + b"\r\n",
        b"s3cret\r\n",
        b": x\r\n",
    ]
    with edml_serve(registry) as served:
        RiskClient(served.url).ready()
        for trailer in trailers:
            with served.connect() as sock:
                sock.sendall(head + trailer + b"\r\n")
                answer = sock.makefile("rb").read()
            assert answer.split()[1] == b"400", answer
            assert b"s3cret" not in answer
        served.process.terminate()
        assert "s3cret" not in served.output()


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["close", "stop sending"])
@pytest.mark.parametrize("chunked", [False, True])
def test_half_a_table_is_no_table(registry, cut, chunked):
    # the first half of a CSV is a table too, and would give a wrong answer
    body = X.to_csv(index=False).encode()
    half = body[: body.rindex(b"\n", 0, len(body) // 2) + 1]
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
    if chunked:
        head += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(half)
        half += b"\r\n"
    else:
        head += b"Content-Length: %d\r\n\r\n" % len(body)
    with edml_serve(registry) as served:
        RiskClient(served.url).ready()  # it listens before a worker has started
        with served.connect() as sock:
            sock.sendall(head + half)
            if cut == "close":
                sock.shutdown(socket.SHUT_WR)
            else:
                time.sleep(0.5)
                served.process.send_signal(signal.SIGTERM)  # no time is left then
            answer = sock.makefile("rb").read()
        assert b"predictions" not in answer
        assert answer == b"" or answer.split()[1] in (b"400", b"408")
        if cut == "close":
            assert RiskClient(served.url).ready()


@pytest.mark.slow
def test_the_champion_is_replaced_under_load(registry, expected):
    from edml.registry import ModelRegistry  # noqa: PLC0415 - imported where it is used

    with edml_serve(registry) as served:
        clients = under_load(served, expected, n_clients=3)
        writer = ModelRegistry(registry)
        for number in range(50):
            writer.promote(2 if number % 2 == 0 else 1)
            time.sleep(0.1)
        writer.promote(2)
        with RiskClient(served.url) as client:
            # each version is first tried in a process of its own, which takes seconds
            wait_until(lambda: client.model()["version"] == 2, seconds=300)
        finish(clients)
        assert {version for each in clients for version in each.versions} == {1, 2}


@pytest.mark.slow
def test_a_champion_that_crashes_at_the_start_is_rejected(registry):
    start = (
        "from edml.registry import _sandbox; from edml.serving import main\n"
        "_sandbox._START = 'import os; os.abort()'\n"
        "main()"
    )
    with edml_serve(registry, start=start) as served, RiskClient(served.url) as client:
        assert client.ready() is False
        served.process.terminate()
        log = served.output()
    assert "Version 1 cannot be served" in log
    assert "it ends that process (SIGABRT)" in log
    assert "Worker" not in log  # none has died


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["deleted", "damaged", "unreadable"])
def test_the_registry_is_lost_under_load(registry, expected, fault):
    with edml_serve(registry) as served:
        clients = under_load(served, expected, n_clients=2)
        if fault == "deleted":
            shutil.rmtree(registry)
        elif fault == "damaged":
            for path in registry.rglob("*"):
                if path.is_file():
                    path.write_bytes(b"damaged")
        else:
            registry.rename(registry.parent / "away")
            registry.write_text("a file where the folder was")
        before = [len(client.versions) for client in clients]
        time.sleep(5)  # longer than two polls
        with RiskClient(served.url) as client:
            assert client.predict(X)["probability"].tolist() == expected[1]
        assert all(
            len(client.versions) > n for client, n in zip(clients, before, strict=True)
        )
        finish(clients)


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(registry, expected):
    with edml_serve(registry, "--workers", 2) as served:
        parent = psutil.Process(served.process.pid)
        wait_until(lambda: len(parent.children()) == 2)
        with RiskClient(served.url) as client:
            first = parent.children()[0]
            first.kill()
            wait_until(
                lambda: (
                    len(parent.children()) == 2
                    and first.pid not in {child.pid for child in parent.children()}
                )
            )
            for _ in range(6):
                assert client.predict(X)["probability"].tolist() == expected[1]


def answers(client):
    try:
        return client.ready()
    except ServingError:
        return False


@pytest.mark.slow
def test_tls_and_tokens(registry, token_file, tmp_path, expected):
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    options = ("--certificate", tmp_path / "both.pem", "--token-file", token_file)
    with edml_serve(registry, *options) as served:
        assert served.url.startswith("https://")
        with RiskClient(
            served.url, TOKEN, certificate=str(tmp_path / "ca.pem")
        ) as client:
            wait_until(lambda: answers(client))  # no handshake before a worker is there
            assert client.predict(X)["probability"].tolist() == expected[1]
        with (
            RiskClient(served.url, TOKEN, retries=0) as client,
            pytest.raises(ServingError, match="certificate"),
        ):
            client.ready()
        with (
            RiskClient(
                served.url, TOKEN[::-1], certificate=str(tmp_path / "ca.pem")
            ) as client,
            pytest.raises(ServingError, match="401"),
        ):
            client.predict(X)
        with served.connect() as sock:  # plain HTTP to a TLS port
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" not in sock.makefile("rb").read()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(tmp_path / "ca.pem")
        with context.wrap_socket(served.connect(), server_hostname="127.0.0.1") as tls:
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
        served.process.terminate()
        log = served.output()
    assert TOKEN not in log
    assert TOKEN[::-1] not in log


@pytest.mark.slow
def test_a_request_that_is_not_http_is_not_repeated(registry, token_file):
    requests = [
        b"GET /health HTTP/1.1\r\nAuthorization: Bearer s3cret\x00\r\n\r\n",
        b"GET /health HTTP/1.1\r\nAuthorization s3cret\r\n\r\n",
        b"s3cret\r\n\r\n",
        b"GET /s3cret" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nA: s3cret" + b"x" * 70_000 + b"\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: s3cret\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nTransfer-Encoding: s3cret\r\n\r\n",
    ]
    with edml_serve(registry, "--token-file", token_file) as served:
        for request in requests:
            with served.connect() as sock:
                sock.sendall(request)
                sock.shutdown(socket.SHUT_WR)
                try:
                    answer = sock.makefile("rb").read()
                except ConnectionResetError:
                    answer = b""  # it did not read the rest
            assert b"s3cret" not in answer
            head, _, body = answer.partition(b"\r\n\r\n")
            if head:
                assert b"application/problem+json" in head
                assert json.loads(body)["status"] in (400, 401, 413, 414, 431, 501)
        assert RiskClient(served.url).ready()
        served.process.terminate()
        log = served.output()
    assert "s3cret" not in log
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert any("Rejected a request that is not HTTP" in event for event in events)


@pytest.mark.slow
def test_a_registry_without_a_champion_yet(tmp_path, stored, expected):
    with edml_serve(tmp_path / "later") as served:
        with RiskClient(served.url, retries=20) as client:
            assert client.ready() is False
            shutil.copytree(stored, tmp_path / "later")
            wait_until(client.ready)
            assert client.predict(X)["probability"].tolist() == expected[1]
        served.process.terminate()
        assert "no champion yet" in served.output()


@pytest.mark.slow
def test_a_registry_that_is_signed(tmp_path, expected):
    make_registry(tmp_path / "signed", key=b"k" * 32)
    for key, ready in (("k" * 32, True), ("another" * 5, False)):
        environment = {"EDML_REGISTRY_KEY": key, "EDML_REGISTRY_PATH": "not this one"}
        with (
            edml_serve(tmp_path / "signed", env=environment) as served,
            RiskClient(served.url) as client,
        ):
            assert client.ready() is ready
            served.process.terminate()
            assert key not in served.output()


@pytest.mark.slow
def test_requests_one_after_another_on_many_connections(registry, expected):
    with edml_serve(registry, "--threads", 2) as served:
        clients = under_load(served, expected, n_clients=16)
        wait_until(lambda: min(len(client.versions) for client in clients) > 10)
        finish(clients)
