"""The image, its lock file and its services, checked as text without a build."""

import ast
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import edml.cli
from edml.cli._settings import Config
from edml.serving import Limits, _server

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
SERVICES = [
    "data-processing",
    "model-tuning",
    "model-updating",
    "model-serving",
    "inference",
    "app",
]
ENDPOINT = typer.main.get_command(_server.app)
VARIABLES = {
    f"EDML_{section}_{key}".upper()
    for section, field in Config.model_fields.items()
    for key in getattr(field.annotation, "model_fields", {})
} | {f"EDML_{one.name.upper()}" for one in ENDPOINT.params}


@pytest.fixture(scope="module")
def stages():
    """Return the instructions of each stage of the Dockerfile, as (word, rest)."""
    text = (ROOT / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    starts = [n for n, (word, _) in enumerate(lines) if word == "FROM"]
    return [lines[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


@pytest.fixture(scope="module")
def build(stages):
    """Return the stages that the last one copies from, as one."""
    return [*stages[1], *stages[2]]


@pytest.fixture(scope="module")
def last(stages):
    return stages[-1]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture(params=SERVICES)
def service(compose, request):
    return compose["services"][request.param]


def only(stage, word):
    (found,) = [rest for first, rest in stage if first == word]
    return found


def environment(stage):
    return dict(part.split("=", 1) for part in shlex.split(only(stage, "ENV")))


def locked():
    """Return each requirement of the lock file with its hashes."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE))
    return [
        (
            Requirement(block.replace("\\\n", " ").split(" --hash")[0]),
            re.findall(r"--hash=sha256:([0-9a-f]{64})\b", block),
        )
        for block in blocks
    ]


def declared():
    """Return all requirements of the image with every extra but Spark's."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    image = PROJECT["dependency-groups"]["image"]
    texts = {*project["dependencies"], *image, *(one for of in extras for one in of)}
    others = {"edml", "pyspark"}  # the image has no Java
    return [one for one in map(Requirement, sorted(texts)) if one.name not in others]


# -- the lock file --------------------------------------------------------------


def test_every_dependency_is_pinned_with_hashes():
    assert len(locked()) > 100
    for requirement, hashes in locked():
        assert [one.operator for one in requirement.specifier] == ["=="]
        assert hashes
    assert "://" not in LOCK


@pytest.mark.parametrize("wanted", declared(), ids=str)
def test_the_lock_fits_the_project(wanted):
    if wanted.name == "xgboost":
        wanted.name = "xgboost-cpu"
    versions = [
        next(iter(one.specifier)).version
        for one, _ in locked()
        if canonicalize_name(one.name) == canonicalize_name(wanted.name)
    ]
    assert versions, f"{wanted} is not locked. Run: nox -s lock"
    for version in versions:
        assert wanted.specifier.contains(version), f"{wanted}. Run: nox -s lock"


def test_no_library_of_gpus_is_locked():
    names = {requirement.name for requirement, _ in locked()}
    assert "xgboost-cpu" in names
    assert "xgboost" not in names
    assert not [name for name in names if name.startswith("nvidia")]


def test_the_lock_is_made_for_the_python_of_the_image(build):
    (python,) = re.findall(r"uv venv --python (\S+)", str(build))
    assert f"--python-version={python}" in (ROOT / "noxfile.py").read_text()
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert tuple(map(int, python.split("."))) >= tuple(map(int, oldest.split(".")))


# -- the image ------------------------------------------------------------------


def test_all_stages_have_one_base(stages):
    (base,) = {stage[0][1].split()[0] for stage in stages} - {"base", "dependencies"}
    assert re.fullmatch(r"debian:[a-z]+-slim", base)


def test_dependencies_are_installed_before_the_sources_are_copied(build):
    steps = [f"{word} {rest}" for word, rest in build]
    (sources,) = [n for n, step in enumerate(steps) if step.startswith("COPY src")]
    installs = [
        (n, command)
        for n, step in enumerate(steps)
        for command in step.split("&&")
        if "pip install" in command
    ]
    assert len(installs) == 4
    for n, command in installs[:-1]:
        assert n < sources
        assert "--constraints requirements.lock" in command or (
            "--require-hashes" in command
        )
    n, command = installs[-1]  # edml
    assert n > sources
    assert "--no-deps *.whl" in command


def test_the_extras_are_an_argument(build):
    assert only(build, "ARG") == "EXTRAS=serve"


def test_copied_files_exist_and_are_not_ignored(build):
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    copied = [
        name for word, rest in build if word == "COPY" for name in rest.split()[:-1]
    ]
    assert kept == set(copied)  # no user's file
    for name in copied:
        assert (ROOT / name).exists()
    project = PROJECT["project"]
    assert {project["readme"], *project["license-files"]} <= kept


def test_the_image_does_not_run_as_root(last):
    assert only(last, "USER") == "10001:10001"
    words = [word for word, _ in last]
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")


def test_the_image_serves_unless_told_otherwise(last, monkeypatch):
    assert ast.literal_eval(only(last, "ENTRYPOINT")) == ["edml"]
    assert ast.literal_eval(only(last, "CMD")) == ["serve"]
    assert PROJECT["project"]["scripts"]["edml"] == "edml.cli:main"
    given = environment(last)
    assert {name for name in given if name.startswith("EDML_")} <= VARIABLES
    assert given["EDML_ENDPOINT_PORT"] in only(last, "EXPOSE").split()
    assert given["EDML_ENDPOINT_HOST"] == "0.0.0.0"  # noqa: S104 - or nobody reaches it
    assert only(last, "STOPSIGNAL") == "SIGTERM"


def test_the_health_check_asks_the_server(last, compose):
    options, _, command = only(last, "HEALTHCHECK").partition("CMD")
    assert {"--interval", "--timeout", "--start-period", "--retries"} == {
        option.split("=")[0] for option in options.split()
    }
    test = compose["services"]["model-serving"]["healthcheck"]["test"]
    assert ["CMD", *ast.literal_eval(command.strip())] == test
    assert test[1:3] == ["edml", "serve"]
    assert set(test[3:]) <= {option for one in ENDPOINT.params for option in one.opts}


# -- the services ---------------------------------------------------------------


def test_six_services(compose):
    assert list(compose["services"]) == SERVICES


def test_every_service_is_locked_up(service):
    assert service["image"] == "edml"
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - gunicorn's heartbeats
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True  # or the first process ignores SIGTERM
    assert not {"privileged", "cap_add", "network_mode", "devices"} & set(service)
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_every_service_runs_a_command_of_edml(service):
    root = typer.main.get_command(edml.cli.app)
    name, *rest = service["command"]
    command = root.commands[name]
    assert command.make_context(name, list(rest), resilient_parsing=True)
    options = {option for one in command.params for option in one.opts}
    assert {one for one in rest if one.startswith("--")} <= options


def test_every_service_has_known_settings(service):
    assert set(service["environment"]) <= VARIABLES


def test_the_workflow_runs_in_order(compose):
    services = compose["services"]
    assert [one for one in SERVICES if "profiles" in services[one]] == SERVICES[:3]
    for before, after in pairwise(SERVICES[:3]):
        assert services[after]["profiles"] == ["workflow"]
        condition = {"condition": "service_completed_successfully"}
        assert services[after]["depends_on"] == {before: condition}
    for name in SERVICES[3:]:  # the profile may be off
        assert "depends_on" not in services[name]


def test_what_edml_writes_is_on_named_volumes(compose, last):
    writable = {}
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            source, target, *mode = volume.split(":")
            assert target == f"/{source.removeprefix('./')}"
            if mode != ["ro"]:
                writable.setdefault(source, set()).add(name)
    assert writable == {
        "features": {"data-processing", "model-updating"},
        "registry": {"model-tuning", "model-updating"},
        "inferences": {"inference"},
    }
    assert set(compose["volumes"]) == set(writable)
    # a new volume has the owner that the folder has in the image
    (folders,) = re.findall(r"install -d -o edml -g edml ([/a-z ]+)", str(last))
    assert folders.split() == [f"/{name}" for name in sorted(writable)]
    paths = {name: value for name, value in environment(last).items() if "PATH" in name}
    del paths["PATH"]
    assert {Path(value).parts[1] for value in paths.values()} == set(writable)


def test_secrets_are_files(compose):
    (secret,) = compose["secrets"]
    assert compose["secrets"][secret] == {"file": "./tokens"}
    serving = compose["services"]["model-serving"]
    assert serving["secrets"] == [secret]
    assert serving["environment"]["EDML_ENDPOINT_TOKEN_FILE"].endswith(f"/{secret}")
    for service in compose["services"].values():
        for name in service["environment"]:
            assert "KEY" not in name
            assert "TOKEN" not in name or name.endswith("_FILE")


def test_the_endpoint_has_time_to_stop(compose):
    grace = compose["services"]["model-serving"]["stop_grace_period"]
    longest = Limits().timeout_seconds + _server._WORK_SECONDS
    assert int(grace.removesuffix("s")) > longest
