"""Behaviour of all commands: exit codes, one-line errors, a clean stop, fast help."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import typer

from edml._messages import coded
from edml._words import MISSING
from edml.cli import _terminal, app
from edml.cli._config import ConfigError
from edml.cli._terminal import figure, guarded, show, stage
from edml.exceptions import RegistryError, TableError

COMMANDS = ("process", "tune", "update", "predict", "report", "run", "serve", "config")


# -- errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TableError("Column 'a'\nis\x0bbad."), 1, "edml x: Column 'a' is bad.\n"),
        (RegistryError("No."), 1, "edml x: No.\n"),
        (OSError(2, "No such file", "f"), 1, "edml x: [Errno 2] No such file: 'f'\n"),
        (ConfigError("one", "two"), 2, "edml x: one\nedml x: two\n"),
        (KeyboardInterrupt(), 130, "edml x: Stopped. No file is half-written.\n"),
    ],
)
def test_errors_are_lines_and_exit_codes(capsys, error, code, said):
    with pytest.raises(typer.Exit, match=rf"^{code}$"), guarded("x"):
        raise error
    assert capsys.readouterr() == ("", said)


def test_an_error_of_edml_itself_is_not_hidden():
    with pytest.raises(ZeroDivisionError, match="by zero"), guarded("x"):
        raise ZeroDivisionError("by zero")


@pytest.mark.filterwarnings("always")
def test_warnings_are_lines(capsys):
    shown_before = warnings.showwarning
    with guarded("x"):
        for _ in range(2):  # a search may warn of each candidate
            warnings.warn("mind this", stacklevel=1)
    assert capsys.readouterr() == ("", "Note: mind this\n")
    assert warnings.showwarning is shown_before


def test_invalid_options(edml):
    for arguments in (
        ["nothing"],
        ["tune", "--nothing"],
        ["tune", "--evaluations", "x"],
    ):
        result = edml(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""


# -- Ctrl-C -------------------------------------------------------------------


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


#: `edml`, which says on stderr that a candidate is done.
SAYING = """
import sys
from edml.tuning._progress import SearchProgress

report = SearchProgress.report

def say(self, candidate):
    report(self, candidate)
    print("one is done", file=sys.stderr, flush=True)

SearchProgress.report = say
from edml.cli import main
main()
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_real_search_with_its_best(project):
    options = ["tune", "events.csv", "--evaluations", "100000", "--json"]
    search = subprocess.Popen(  # noqa: S603 - the code above
        [sys.executable, "-c", SAYING, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "one is done" not in (line := search.stderr.readline()):
        assert line
    search.send_signal(signal.SIGINT)
    out, said = search.communicate(timeout=300)
    assert search.returncode == 130, said
    assert "best so far" in said
    assert json.loads(out)["interrupted"] is True
    assert not list(Path.cwd().rglob("*.tmp*"))


# -- output -------------------------------------------------------------------


def test_progress_goes_to_stderr_and_results_to_stdout(capsys):
    with stage("Working"):
        show({"a": 0.1 + 0.2, "b": "ñ数\ud800"}, True, print)
    out, said = capsys.readouterr()
    assert out.isascii()  # whatever the console is
    assert json.loads(out) == {"a": 0.30000000000000004, "b": "ñ数\ud800"}
    assert said.startswith("Working")
    show({"a": 1}, False, lambda console, result: console.print(f"[b] {result['a']}"))
    assert capsys.readouterr().out == "[b] 1\n"


def test_nan_is_not_valid_json():
    with pytest.raises(ValueError, match="JSON"):
        show({"a": float("nan")}, True, print)


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (None, MISSING), (float("nan"), MISSING)]
)
def test_figures(value, text):
    assert figure(value) == text


# -- help ---------------------------------------------------------------------


def test_help_names_the_commands(edml):
    shown = edml("--help").stdout
    for name in (*COMMANDS, "registry", "demo"):
        assert name in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(edml, name):
    result = edml(name, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_every_option_has_help():
    group = typer.main.get_command(app)
    for name in COMMANDS:
        command = group.commands[name]
        for one in (command, *getattr(command, "commands", {}).values()):
            assert one.help
            for parameter in one.params:
                assert parameter.help or parameter.name == "help", (name, parameter)


def test_every_command_that_shows_something_speaks_json():
    group = typer.main.get_command(app)
    commands = {name: group.commands[name] for name in COMMANDS if name != "serve"}
    commands["config"] = commands["config"].commands["show"]
    for name, command in commands.items():
        options = {option for one in command.params for option in one.opts}
        assert {"--json", "--set", "--config"} <= options, name


def test_help_does_not_wait_for_heavy_imports():
    code = "import sys, edml.cli, edml.cli._registry; print(*sys.modules)"
    loaded = subprocess.run(  # noqa: S603 - the code is the line above
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"sklearn", "pandas", "numpy", "pydantic", "flask", "skops", "lightgbm"}
    heavy |= {"xgboost", "imblearn", "edml.tuning", "edml.registry"}
    assert not heavy & set(loaded.stdout.split())


def test_only_one_place_reads_the_environment():
    folder = Path(_terminal.__file__).parent
    readers = {
        path.name for path in folder.glob("*.py") if "os.environ" in path.read_text()
    }
    assert readers == {"_access.py"}


# -- serve --------------------------------------------------------------------


def test_serve_forwards_settings_and_options(project, edml, monkeypatch):
    given = []
    monkeypatch.setattr("edml.serving.main", given.extend)
    (project / "edml.toml").write_text(
        "[endpoint]\nport = 9000\ntoken_file = 'tokens'\n[registry]\nname = 'spring'\n"
    )
    result = edml("serve", "--threads", "2", "--port", "9001")
    assert result.exit_code == 0, result.output
    assert given == [
        "--host=127.0.0.1",
        "--port=9000",
        "--token-file=tokens",
        "--registry=registry",
        "--name=spring",
        "--threads",
        "2",
        "--port",
        "9001",
    ]


def test_serve_rejects_bad_settings(project, edml, assert_fails):
    result = edml("serve", "--set", "endpoint.port=x")
    assert_fails(result, "endpoint.port expects a valid integer", code=2)


# -- languages ------------------------------------------------------------------------


@pytest.fixture
def said_in_spanish():
    token = _terminal.LANGUAGE.set("es")
    yield
    _terminal.LANGUAGE.reset(token)


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("said_in_spanish")
def test_errors_and_warnings_are_said_in_the_chosen_language(capsys):
    note = coded(
        "read_commas", "Numbers have a decimal comma; fix it with decimal=','."
    )
    with guarded("x"):
        warnings.warn(note, stacklevel=2)
    with pytest.raises(typer.Exit, match=r"^1$"), guarded("x"):
        raise TableError(coded("no_file", "There is no file a\nb.", path="a\nb"))
    assert capsys.readouterr() == (
        "",
        "Note: Los números llevan coma decimal.\n"
        "edml x: No existe el archivo a b. Revise su nombre y su carpeta.\n",
    )


@pytest.mark.usefixtures("said_in_spanish")
def test_an_error_of_settings_with_a_code_is_wrong_usage(capsys):
    with pytest.raises(typer.Exit, match=r"^2$"), guarded("x"):
        raise ConfigError(coded("url_and_registry", "Leave one out."))
    assert "edml x: Elija una sola" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["option", "environment"])
def test_the_language_is_an_option_or_a_variable(edml, monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("EDML_LANG", "es")
    option = ["--lang", "es"] if by == "option" else []
    found = edml(*option, "predict", "absent.csv")
    assert found.exit_code == 1
    assert "edml predict: No existe el archivo absent.csv." in found.stderr
    monkeypatch.delenv("EDML_LANG", raising=False)
    assert "There is no file" in edml("predict", "absent.csv").stderr


def test_an_unknown_language_is_wrong_usage(edml):
    found = edml("--lang", "fr", "demo")
    assert found.exit_code == 2
    assert "expected one of en, es" in found.stderr
