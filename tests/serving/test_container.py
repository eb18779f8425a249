"""The image and its service, checked as text without a build."""

import ast
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from edml.serving import Limits, _server

ROOT = Path(__file__).parents[2]
COMMAND = typer.main.get_command(_server.app)
VARIABLES = {one.envvar or f"EDML_{one.name.upper()}" for one in COMMAND.params}


@pytest.fixture(scope="module")
def stages():
    """Return the instructions of each stage of the Dockerfile, as (word, rest)."""
    text = (ROOT / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    starts = [n for n, (word, _) in enumerate(lines) if word == "FROM"]
    return [lines[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


@pytest.fixture(scope="module")
def last(stages):
    return stages[-1]


@pytest.fixture(scope="module")
def service():
    (found,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    return found


def only(stage, word):
    (found,) = [rest for first, rest in stage if first == word]
    return found


def environment(stage):
    return dict(part.split("=", 1) for part in shlex.split(only(stage, "ENV")))


def test_image_python_is_supported(stages):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    images = [stage[0][1].split()[0] for stage in stages]
    assert len(set(images)) == 1  # built in one stage, run in the other
    version = re.fullmatch(r"python:(\d+)\.(\d+)-slim", images[0])
    assert tuple(map(int, version.groups())) >= oldest


def test_copied_files_exist_and_are_not_ignored(stages):
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    copied = [
        name for word, rest in stages[0] if word == "COPY" for name in rest.split()[:-1]
    ]
    for name in copied:
        assert (ROOT / name).exists()
        assert name in kept
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {needed["readme"], *needed["license-files"]} <= set(copied)


def test_image_contains_no_user_files():
    kept = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert sorted(kept) == ["LICENSE", "README.md", "pyproject.toml", "src"]


def test_container_does_not_run_as_root(last, service):
    assert only(last, "USER") == "10001:10001"
    assert service["user"] == "10001:10001"
    words = [word for word, _ in last]
    assert words.index("USER") > max(n for n, w in enumerate(words) if w == "RUN")


def test_environment_matches_the_command(last, service):
    given = {
        name
        for name in {*environment(last), *service["environment"]}
        if name.startswith("EDML_")
    }
    assert given <= {*VARIABLES, _server.REGISTRY_KEY}
    assert "token" not in str(service["environment"].values()).replace("tokens", "")


def test_the_entrypoint_is_our_command(last):
    (name,) = ast.literal_eval(only(last, "ENTRYPOINT"))
    assert name == "edml-serve"
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts[name] == "edml.serving:main"


def test_command_reads_the_environment(last, monkeypatch):
    for name, value in environment(last).items():
        monkeypatch.setenv(name, value)
    options = COMMAND.make_context("edml-serve", []).params
    assert options["host"] == "0.0.0.0"  # noqa: S104 - or nobody reaches it
    assert str(options["registry"]) == "/registry"
    assert options["port"] == int(only(last, "EXPOSE"))


def test_the_health_check(last):
    options, _, command = only(last, "HEALTHCHECK").partition("CMD")
    assert {"--interval", "--timeout", "--start-period", "--retries"} == {
        option.split("=")[0] for option in options.split()
    }
    python, flag, code = ast.literal_eval(command.strip())
    assert (python, flag) == ("python", "-c")
    ast.parse(code)
    assert "/health" in code


def test_the_health_check_works(last, monkeypatch):
    from served import Answer, scripted  # noqa: PLC0415 - imported where it is used

    *_, code = ast.literal_eval(only(last, "HEALTHCHECK").partition("CMD")[2].strip())
    with scripted(Answer(200), Answer(503)) as (url, requests):
        monkeypatch.setenv("EDML_PORT", url.rpartition(":")[2])
        exec(code)  # noqa: S102
        with pytest.raises(OSError, match="503"):
            exec(code)  # noqa: S102
    assert {path for path, _, _ in requests} == {"/health"}


def test_service_has_time_to_stop(last, service):
    assert only(last, "STOPSIGNAL") == "SIGTERM"
    seconds = int(service["stop_grace_period"].removesuffix("s"))
    assert seconds > Limits().timeout_seconds + _server._WORK_SECONDS


def test_the_service_is_locked_up(service):
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - gunicorn's heartbeats
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert "privileged" not in service


def test_the_registry_is_only_read(last, service):
    (volume,) = service["volumes"]
    source, target, mode = volume.split(":")
    assert (source, mode) == ("./registry", "ro")
    assert target == environment(last)["EDML_REGISTRY"]


def test_the_tokens_are_a_secret(service):
    whole = yaml.safe_load((ROOT / "compose.yaml").read_text())
    (name,) = service["secrets"]
    assert service["environment"]["EDML_TOKEN_FILE"] == f"/run/secrets/{name}"
    assert whole["secrets"][name] == {"file": "./tokens"}
