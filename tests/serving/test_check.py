"""edml-serve --check, the health check of containers."""

import os
import socket
import subprocess
import sys

import pytest
import trustme
from typer.testing import CliRunner

from edml.serving._server import app
from served import START, Answer, edml_serve, make_registry, scripted, wait_until

#: Nothing listens at this proxy: whoever asks it fails.
DEAD = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"), DEAD)


def check(*arguments, **environment):
    result = CliRunner().invoke(app, ["--check", *map(str, arguments)], env=environment)
    assert "Traceback" not in result.output
    return result


def test_a_server_that_responds():
    with scripted(Answer(body=b'{"status":"ok"}')) as (url, requests):
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "0.0.0.0", "localhost"):  # noqa: S104
            result = check("--host", host, EDML_ENDPOINT_PORT=port, **PROXIES)
            assert (result.exit_code, result.stderr) == (0, "")
        check(EDML_ENDPOINT_PORT=port, SCRIPT_NAME="/risk")
        check(EDML_ENDPOINT_PORT=port, EDML_ENDPOINT_TOKEN_FILE="/no/such/file")  # noqa: S106
    paths = ["/health"] * 3 + ["/risk/health", "/health"]
    assert [path for path, _, _ in requests] == paths
    assert not any("Authorization" in headers for _, headers, _ in requests)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Answer(503, b'{"status":"ok"}'), "status 503"),
        (Answer(body=b"<html>"), "another response"),
        (Answer(status=None), "RemoteDisconnected"),
    ],
)
def test_a_server_that_is_not_well(answer, found):
    with scripted(answer) as (url, _):
        result = check("--port", url.rpartition(":")[2])
    assert result.exit_code == 1
    assert found in result.stderr


def test_nobody_there():
    with socket.socket() as bound:  # it does not listen
        bound.bind(("127.0.0.1", 0))
        result = check("--port", bound.getsockname()[1])
    assert result.exit_code == 1
    assert "Connection refused" in result.stderr


def test_no_variable_turns_a_server_into_a_check():
    result = CliRunner().invoke(
        app, ["--public-keys", "no.pub", "--port", "0"], env={"EDML_CHECK": "1"}
    )
    assert "no such file" in result.stderr.lower()  # it went on to start


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    make_registry(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("over_tls", [False, True])
def test_the_four_settings_of_a_container(registry, tmp_path, over_tls):
    # an own certificate and tokens, a free port, proxies, a path: as a container has it
    tokens = tmp_path / "tokens"
    tokens.write_text("s3cret-of-the-tutors-page\n")
    tokens.chmod(0o600)
    environment = {
        "EDML_ENDPOINT_TOKEN_FILE": str(tokens),
        "SCRIPT_NAME": "/risk",
        **PROXIES,
    }
    if over_tls:
        issued = trustme.CA().issue_cert("risk.example.org")
        issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
        environment["EDML_CERTIFICATE"] = str(tmp_path / "both.pem")
    command = [sys.executable, "-c", START, "--check", "--port"]

    def run():
        return subprocess.run(  # noqa: S603
            [*command, str(served.port)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    with edml_serve(registry, env=environment) as served:
        wait_until(lambda: run().returncode == 0)  # it listens before it is ready
        found = run()
        assert (found.returncode, found.stderr) == (0, "")
        assert found.stdout.split()[1].startswith("https" if over_tls else "http:")
        served.process.terminate()
        assert served.process.wait(60) == 0
        assert run().returncode == 1
