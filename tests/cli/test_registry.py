"""The stored models from a terminal: clear tables, and errors on one line."""

import json
import shutil

import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from edml import evaluate
from edml.cli import _registry, app
from edml.registry import ModelRegistry

X, y = make_classification(600, flip_y=0.2, random_state=0)
KEY = "EDML_REGISTRY_KEY"


def model(C=1.0):
    return LogisticRegression(C=C).fit(X[:200], y[:200])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Register three models once; each test works on a copy."""
    folder = tmp_path_factory.mktemp("built")
    registry = ModelRegistry(folder)
    for C in (0.1, 1.0, 10.0):
        one = model(C)
        evaluated = evaluate(one, X[200:400], y[200:400], n_resamples=5)
        registry.register(one, evaluated, tags={"note": "[x] first"})
    registry.promote(1)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    shutil.copytree(built, tmp_path / "registry")
    return tmp_path / "registry"


@pytest.fixture
def run(folder):
    def run(*arguments, key=None):
        return CliRunner().invoke(
            app,
            ["registry", *map(str, arguments), "--registry", str(folder)],
            env={"COLUMNS": "80", KEY: key},
        )

    return run


def assert_one_line(result, *words):
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("edml registry ")
    assert "Traceback" not in result.output
    for word in words:
        assert word in line


def test_list(run, folder):
    result = run("list")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    lines = [line.split() for line in result.stdout.splitlines()]
    first = next(line for line in lines if line[:2] == ["1", "production"])
    figures = ModelRegistry(folder).records().iloc[0]
    expected = [
        f"{figures[name]:.3f}" for name in ("threshold", "roc_auc", "average_precision")
    ]
    assert first[2:] == ["LogisticRegression", *expected, "[1]"]
    low, high = figures["intervals"]["roc_auc"]
    below = lines[lines.index(first) + 1]
    assert below[0] == f"{low:.2f}-{high:.2f}"
    n, failing = figures["n_students"], figures["n_failing_students"]
    assert f"[1] {n} students, of whom {failing} fail (" in result.stdout
    assert result.stdout.count("development") == 2


def test_list_of_a_stage(run):
    result = run("list", "--stage", "production")
    assert "development" not in result.stdout
    assert run("list", "--stage", "staging").stdout == "No version in staging.\n"
    assert_one_line(run("list", "--stage", "best"), "Expected a stage")


def test_empty_list(tmp_path):
    arguments = ["registry", "list", "--registry", str(tmp_path / "no")]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (0, "No version yet.\n")
    assert not (tmp_path / "no").exists()


def test_show(run):
    result = run("show", "1")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "note=[x] first" in result.stdout
    assert "C=0.1" in result.stdout
    assert "validation" in result.stdout
    assert "Version 1" in run("show", "production").stdout


def test_show_hides_figures_that_decided(run, folder):
    registry = ModelRegistry(folder)
    registry.compete(X[400:], y[400:], n_resamples=10)
    table = registry.evaluations(1)
    hidden = f"{table['roc_auc'][1]:.3f}"
    result = run("show", "1")
    assert "choosing" in result.stdout
    assert hidden not in result.stdout
    assert f"{table['roc_auc'][0]:.3f}" in result.stdout


def test_show_of_a_version_without_evaluations(run, folder):
    ModelRegistry(folder).register(model(5.0))
    assert "Evaluations" not in run("show", "latest").stdout


def test_promote_and_rollback(run, folder, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    result = run("promote", "2", "--why", "better")
    assert (result.exit_code, result.stdout) == (0, "Version 2 is in production.\n")
    assert run("promote", "3", "--stage", "staging").exit_code == 0
    result = run("rollback", "--why", "it was not")
    assert result.stdout == "Version 1 is in production again.\n"
    table = ModelRegistry(folder).history()
    assert table["who"].tolist()[-3:] == ["ada"] * 3
    assert table["why"].tolist()[-3:] == ["better", "", "it was not"]
    assert_one_line(run("rollback"), "Expected a previous champion")
    assert ModelRegistry(folder).records("staging")["version"].tolist() == [3]
    result = run("demote", "staging", "--why", "no use")
    assert (result.exit_code, result.stdout) == (0, "Version 3 is in development.\n")
    assert ModelRegistry(folder).history()["why"].iloc[-1] == "no use"
    assert_one_line(run("demote", "9"), "Expected the number of a version; found 9")


def test_a_machine_without_users(run, folder, monkeypatch):
    def nobody():
        raise OSError

    monkeypatch.setattr("getpass.getuser", nobody)
    assert run("promote", "2").exit_code == 0
    assert ModelRegistry(folder).history()["who"].iloc[-1] == "unknown"


def test_verify(run, folder):
    assert run("verify").stdout == "No problem found in 3 versions.\n"
    (folder / "risk" / "versions" / "2" / "model.skops").write_bytes(b"")
    result = run("verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "model.skops" in result.stderr


def test_replies_are_in_the_chosen_language(folder, run):
    arguments = ["--lang", "es", "registry", "verify", "--registry", str(folder)]
    said = CliRunner().invoke(app, arguments)
    assert said.stdout == "Ningún problema en 3 versiones.\n"
    assert run("verify").stdout == "No problem found in 3 versions.\n"


def test_any_setting_can_be_set(run):
    result = run("list", "--set", "registry.name=other")
    assert result.stdout == "No version yet.\n"


def test_clean(run):
    result = run("clean", "--keep-last", "1")
    assert result.stdout == "Removed 1 version: 2.\n"
    assert run("clean").stdout == "Removed 0 versions.\n"
    assert run("clean", "--keep-last", "-1").exit_code == 2


def test_repair(run, folder):
    assert run("repair").stdout == "Nothing needs repair.\n"
    path = folder / "risk" / "state" / "4.json"
    path.write_bytes(b"{")
    assert_one_line(run("list"), "generation 4", "use repair")
    asked = run("repair")  # no answer is no
    assert asked.exit_code == 1
    assert "the last whole one, 3, applies again" in asked.stdout.replace("\n", " ")
    assert path.read_bytes() == b"{"
    done = run("repair", "--yes")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("Done in 2 steps.\n")
    assert run("verify").exit_code == 0
    assert ModelRegistry(folder).history()["what"].iloc[-1] == "repair"


def test_keygen(tmp_path):
    arguments = ["registry", "keygen", str(tmp_path / "trainer.pem")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    registry = ModelRegistry(tmp_path, private_key=tmp_path / "trainer.pem")
    registry.register(model())
    reader = ModelRegistry(tmp_path, public_keys=[tmp_path / "trainer.pem.pub"])
    assert reader.verify() == []
    assert "BEGIN" not in result.output
    assert_one_line(CliRunner().invoke(app, arguments), "Choose another path")


def test_keys_come_from_the_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **env):
        env = {"COLUMNS": "200", **env}
        return CliRunner().invoke(app, ["registry", *arguments], env=env)

    for name in ("trainer", "other"):
        assert run("keygen", f"{name}.pem").exit_code == 0
    registry = ModelRegistry(tmp_path / "models", "line", private_key="trainer.pem")
    registry.register(model())
    where = "[registry]\npath = 'models'\nname = 'line'\n"
    (tmp_path / "edml.toml").write_text(f"{where}private_key = 'trainer.pem'\n")
    assert run("promote", "1").exit_code == 0
    (tmp_path / "edml.toml").write_text(f"{where}public_keys = ['trainer.pem.pub']\n")
    assert "production" in run("list").stdout
    assert_one_line(run("rollback"), "found only public keys")
    (tmp_path / "edml.toml").write_text(where)
    assert_one_line(run("rollback"), "which is signed")
    environment = {"EDML_REGISTRY_PUBLIC_KEYS": "other.pem.pub"}
    assert_one_line(run("list", **environment), "another signature")
    environment["EDML_REGISTRY_PUBLIC_KEYS"] += ",trainer.pem.pub"
    environment["EDML_REGISTRY_MEMORY"] = str(tmp_path / "memory")
    assert run("list", **environment).exit_code == 0
    assert (tmp_path / "memory").is_file()
    environment = {"EDML_REGISTRY_PRIVATE_KEY": "other.pem"}
    assert_one_line(run("promote", "1", **environment), "another signature")


def test_a_reason_that_is_not_unicode_is_escaped(run, folder):
    assert run("promote", "2", "--why", "caf\udce9").exit_code == 0
    assert ModelRegistry(folder).history()["why"].iloc[-1] == "caf\\udce9"


@pytest.mark.filterwarnings("default:This model is version")
def test_export_and_import(run, folder, tmp_path):
    path = tmp_path / "model.zip"
    assert run("export", "production", path).exit_code == 0
    assert_one_line(run("export", "1", path), "Choose another path")
    result = run("import", path)
    assert result.stdout == "It is version 1, in production.\n"
    assert "This model is version 1, in production, to the bit" in result.stderr
    ModelRegistry(folder)._store.remove_versions(lambda state: [3])
    other = ModelRegistry(tmp_path / "other")
    other.register(model(10.0))
    other.export(1, tmp_path / "other.zip")
    result = run("import", tmp_path / "other.zip")
    assert result.stdout == "It is version 4, in development.\n"
    assert ModelRegistry(folder).record(4).origin["version"] == 1


@pytest.mark.slow
def test_the_key_comes_from_the_environment(run, folder, tmp_path):
    path = tmp_path / "model.zip"
    run("export", "1", path)
    for failed in (run("list", key="secret-key"), run("list", key="")):
        assert_one_line(failed)
        assert "secret-key" not in failed.output
    arguments = ["registry", "import", str(path), "--registry", str(tmp_path / "new")]
    env = {KEY: "secret-key"}
    result = CliRunner().invoke(app, arguments, env=env)
    assert_one_line(result, "no signature")
    result = CliRunner().invoke(app, [*arguments, "--trust-unsigned"], env=env)
    assert result.exit_code == 0, result.output
    ModelRegistry(tmp_path / "new", key=b"secret-key").load(1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "99"),
        ("show", "champion"),
        ("show", "0"),
        ("promote", "99"),
        ("promote", "1", "--stage", "best"),
        ("promote", "1", "--stage", "staging"),
        ("import", "no.zip"),
        ("list", "--name", "../up"),
        ("verify", "--name", "con"),
    ],
)
def test_errors_take_one_line(run, arguments):
    assert_one_line(run(*arguments), f"edml registry {arguments[0]}: Expected")


def test_damaged_state_gives_a_one_line_error(run, folder):
    newest = max((folder / "risk" / "state").iterdir(), key=lambda path: int(path.stem))
    newest.write_bytes(b"{}")
    for arguments in (("list",), ("show", "1"), ("rollback",), ("clean",)):
        assert_one_line(run(*arguments), "damaged")


def test_a_folder_that_does_not_exist(tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["registry", "promote", "1", "--registry", str(tmp_path / "file")]
    assert_one_line(CliRunner().invoke(app, arguments))


def test_help_names_the_commands():
    result = CliRunner().invoke(app, ["registry", "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    names = {command.name for command in _registry.app.registered_commands}
    assert names >= {"list", "import"}
    for name in (
        "list",
        "show",
        "promote",
        "demote",
        "rollback",
        "verify",
        "clean",
        "export",
    ):
        assert name in result.stdout
    assert KEY in result.stdout


# -- for machines ---------------------------------------------------------------


def test_list_as_json(run, folder):
    result = run("list", "--json")
    assert result.exit_code == 0, result.output
    versions = json.loads(result.stdout)["versions"]
    records = ModelRegistry(folder).records()
    assert [row["version"] for row in versions] == records["version"].tolist()
    assert [row["stage"] for row in versions] == records["stage"].tolist()
    for row, auc in zip(versions, records["roc_auc"], strict=True):
        assert row["roc_auc"] == pytest.approx(auc, rel=1e-12)


def test_empty_list_as_json(run):
    result = run("list", "--stage", "staging", "--json")
    assert json.loads(result.stdout) == {"versions": []}


def test_show_as_json(run, folder):
    told = json.loads(run("show", 2, "--json").stdout)
    assert told["version"] == 2
    assert told["tags"] == {"note": "[x] first"}
    assert len(told["evaluations"]) == 1
    assert told["evaluations"][0]["number"] == 1


def test_verify_as_json(run, folder):
    assert json.loads(run("verify", "--json").stdout) == {"problems": []}
    [model_file] = folder.rglob("*2/*.skops")
    model_file.write_bytes(b"x")
    result = run("verify", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["problems"]) >= 1
