"""Each layer overrides the previous one; errors name their line."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml._messages import in_words
from edml.cli._config import ConfigError, parse_settings, read_config
from edml.cli._settings import Capacity, Config, write_template
from edml.cli._toml import find_lines, read_value, write_value


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "edml.toml").write_text(text, "utf-8")
        return tmp_path

    return write


# -- the layers ---------------------------------------------------------------


def test_defaults_without_a_file(write, tmp_path):
    read = read_config()
    assert read.config == Config()
    assert (read.origins, read.notes) == ({}, [])


def test_later_layers_win(write):
    write("[tune]\nfolds = 3\nevaluations = 3\ncandidates = 3\nscoring = 'roc_auc'\n")
    environ = {"EDML_TUNE_EVALUATIONS": "4", "EDML_TUNE_CANDIDATES": "4"}
    flags = {("tune", "candidates"): 5, ("tune", "scoring"): None}
    read = read_config(environ=environ, flags=flags)
    tune = read.config.tune
    assert (tune.folds, tune.evaluations, tune.candidates) == (3, 4, 5)
    assert tune.scoring == "roc_auc"  # an absent flag does not count
    assert tune.timeout is None
    assert read.origins["tune", "folds"] == "edml.toml, line 2"
    assert read.origins["tune", "evaluations"] == "EDML_TUNE_EVALUATIONS"
    assert read.origins["tune", "candidates"] == "option tune.candidates"


def test_settings_file_comes_from_flag_environment_or_default(write, tmp_path):
    write("[tune]\nfolds = 3\n")
    for name, folds in (("a", 4), ("b", 5)):
        (tmp_path / f"{name}.toml").write_text(f"[tune]\nfolds = {folds}\n")
    environ = {"EDML_CONFIG": "a.toml"}
    assert read_config().config.tune.folds == 3
    assert read_config(environ=environ).config.tune.folds == 4
    assert read_config(Path("b.toml"), environ).config.tune.folds == 5


def test_paths_of_the_file_are_below_its_folder(write, tmp_path):
    home = tmp_path / "project"
    home.mkdir()
    absolute = tmp_path / "elsewhere.csv"
    (home / "edml.toml").write_text(
        f"[paths]\nraw = 'events.csv'\nnew = {json.dumps(str(absolute))}\n"
        "[registry]\npath = 'models'\nname = 'risk'\n"
    )
    config = read_config(home / "edml.toml", {"EDML_PATHS_REPORT": "r.html"}).config
    assert config.paths.raw == home / "events.csv"
    assert config.paths.new == absolute
    assert config.registry.path == home / "models"
    assert config.registry.name == "risk"
    assert config.paths.report == Path("r.html")  # in the current folder


def test_threshold_accepts_all_forms(write):
    for text, expected in [
        ("threshold = 0.5", 0.5),
        ("threshold = 1", 1.0),
        ("threshold = 'recall>=0.9'", "recall>=0.9"),
        ("threshold = {per_course = 5}", Capacity(per_course=5)),
        ("[tune.threshold]\nper_course = 5", Capacity(per_course=5)),
    ]:
        write(f"[tune]\n{text}\n")
        assert read_config().config.tune.threshold == expected


def test_environment_is_parsed_by_the_type_of_the_key(write):
    environ = {
        "EDML_TUNE_THRESHOLD": "0.5",
        "EDML_TUNE_ALGORITHMS": "lightgbm, xgboost",
        "EDML_TUNE_BALANCE": '["none"]',
        "EDML_TUNE_SCORING": "roc_auc",
        "EDML_REGISTRY_NAME": "2024",
        "EDML_PATHS_RAW": "2024",
        "EDML_UPDATE_REFIT": "true",
        "EDML_COLUMNS_USER_UUID": "student",
        "EDML_EXAM_KINDS_PARCIALES": "MIDTERM, SECOND",
        "EDML_TUNE_TIMEOUT": "",
    }
    config = read_config(environ=environ).config
    assert config.tune.threshold == 0.5
    assert config.tune.algorithms == ["lightgbm", "xgboost"]
    assert config.tune.balance == ["none"]
    assert config.tune.scoring == "roc_auc"
    assert config.registry.name == "2024"
    assert config.paths.raw == Path("2024")
    assert config.update.refit is True
    assert config.columns == {"user_uuid": "student"}
    assert config.exam_kinds == {"parciales": ["MIDTERM", "SECOND"]}
    assert config.tune.timeout is None


def test_variables_of_the_server_are_read_with_a_word():
    old = {"EDML_REGISTRY": "there", "EDML_NAME": "line", "EDML_TOKEN_FILE": "tokens"}
    read = read_config(environ=old)
    assert read.config.registry.path == Path("there")
    assert read.config.registry.name == "line"
    assert read.config.endpoint.token_file == Path("tokens")
    assert read.notes[1] == "EDML_REGISTRY is read as EDML_REGISTRY_PATH. Rename it."
    assert read.origins["registry", "name"] == "EDML_REGISTRY_NAME"
    both = {"EDML_REGISTRY": "there", "EDML_REGISTRY_PATH": "here"}
    read = read_config(environ=both)
    assert (read.config.registry.path, read.notes) == (Path("here"), [])


def test_unknown_variables_are_noted_and_secrets_ignored(write):
    environ = {
        "EDML_TUNE_FODS": "3",
        "EDML_REGISTRY_KEY": "secret",
        "EDML_ENDPOINT_TOKEN": "secret",
        "EDML_OULAD": "folder",
        "HOME": "/root",
    }
    read = read_config(environ=environ)
    assert read.notes == ["EDML_TUNE_FODS is not a setting, and is ignored."]
    assert read.config == Config()


# -- errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[tune]\n\n# fold\nfold = 3",
            r"line 4: \[tune\] has no key 'fold'. Did .*'fo",
        ),
        ("\n[tuna]\nfolds = 3", r"line 2: the section 'tuna' is unknown. Did .*'tune'"),
        ("folds = 3", r"line 1: the section 'folds' is unknown. Use"),
        ("\ntune = 3", r"line 2: 'tune' is a section; found a value. Write \[tune\]"),
        ("[tune]\nfolds = 'x'", r"line 2: tune.folds expects a valid integer; .*'x'"),
        ("[tune]\nfolds = true", r"line 2: tune.folds expects a valid integer"),
        ("[tune]\nfolds = 1", r"line 2: tune.folds expects a number greater than or"),
        ("[tune]\nfolds = 3.0", r"line 2: tune.folds expects a valid integer"),
        ("[tune]\nbalance = [\n'smot']", r"line 2: tune.balance expects 'none', 'wei"),
        ("[tune]\nalgorithms = []", r"line 2: tune.algorithms expects"),
        ("[tune]\nthreshold = [1]", r"line 2: tune.threshold expects a probability"),
        ("[tune]\nthreshold.per_curse = 1", r"line 2: tune.threshold expects a prob"),
        ("[paths]\nraw = 3", r"line 2: paths.raw expects a path; found 3"),
        ("[data]\n\npassing_grade = nan", r"line 3: data.passing_grade expects a fin"),
        ("[data]\ntest_share = 0.9", None),
        ("[data]\ntest_share = 0.8", r"line 2: test_share and contest_share leave no"),
        ("[columns]\nuser_uid = 'x'", r"line 2: \[columns\] has no key .*'user_uuid'"),
        ("[columns]\nuser_uuid = 3", r"line 2: columns.user_uuid expects a valid str"),
        (
            "[columns]\nuser_uuid = 'x'\ncourse_uuid = 'x'",
            r"line 2: columns reads \['x'\] twice",
        ),
        ("[exam_kinds]\nparcial = ['A']", r"line 2: \[exam_kinds\] has no key"),
        (
            "[exam_kinds]\nparciales = ['A']\nintegradores = ['A']",
            r"line 2: exam_kinds names \['A'\] in two kinds",
        ),
        ("[tune]\nfolds = 3 3", r"edml.toml is not valid TOML: .*line 2, column 11"),
        ("[tune]\nfolds = 3\n[tune]\n", r"edml.toml is not valid TOML: .*line 3"),
    ],
)
def test_a_mistake_is_reported_with_its_line(write, text, said):
    write(text)
    if said is None:
        said = "line 2: test_share and contest_share"
    with pytest.raises(ConfigError, match=said):
        read_config()


def test_all_mistakes_are_reported_at_once(write):
    write(
        "[tuna]\nx = 1\n[tune]\nfold = 3\nevaluations = 'x'\n"
        "[data]\nrandom_state = -1\n"
    )
    with pytest.raises(ConfigError, match="the section 'tuna'") as caught:
        read_config(environ={"EDML_UPDATE_MIN_GAIN": "x"})
    lines = str(caught.value).splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [
        "EDML_UPDATE_MIN_GAIN",
        "edml.toml, line 1",
        "edml.toml, line 4",
        "edml.toml, line 5",
        "edml.toml, line 7",
    ]


def test_mistakes_are_said_in_spanish(write):
    write("[tuna]\n[tune]\nfold = 3\nfolds = 1\n[update]\npromote = 1\n")
    with pytest.raises(ConfigError, match="the section 'tuna'") as caught:
        read_config(environ={"EDML_UPDATE_METRIC": "auc"})
    said = [in_words(one, "es") for one in caught.value.mistakes]
    assert said[0].startswith("edml.toml:1: no existe la sección tuna. ")
    assert said[1] == (
        "edml.toml:3: la sección tune no tiene la clave fold. ¿Quiso decir "
        "folds? Corríjalo."
    )
    assert "edml.toml:4: tune.folds debe ser un número ≥ 2." in said
    assert any(one.endswith("Se escribe así: promote = true.") for one in said)
    assert any("update.metric debe ser una de estas" in one for one in said)


def test_a_removed_key_is_ignored_with_a_note(write):
    write("[tune]\nblended = 5\nfolds = 3\n")
    read = read_config()
    assert read.config.tune.folds == 3
    assert list(read.origins) == [("tune", "folds")]
    assert read.notes == [
        "edml.toml, line 2: tune.blended is ignored, for searches blend no models any "
        "more. Remove it."
    ]


@pytest.mark.parametrize(
    ("section", "key", "variable"),
    [
        ("registry", "key", "EDML_REGISTRY_KEY"),
        ("endpoint", "token", "EDML_ENDPOINT_TOKEN"),
    ],
)
def test_secret_in_the_file_raises_without_showing_it(write, section, key, variable):
    write(f"[{section}]\n{key} = 'hush'\n")
    with pytest.raises(ConfigError, match=f"line 2: a secret.*{variable}") as caught:
        read_config()
    assert "hush" not in str(caught.value)


def test_a_file_that_cannot_be_read(write, tmp_path):
    write("")
    with pytest.raises(ConfigError, match=r"no\.toml cannot be read: .*config init"):
        read_config(Path("no.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path)
    (tmp_path / "edml.toml").write_bytes(b"\xff\xfe[")
    with pytest.raises(ConfigError, match=r"is not UTF-8\. Save it"):
        read_config()


def test_a_byte_order_mark_is_skipped(write, tmp_path):
    (tmp_path / "edml.toml").write_text("[tune]\nfolds = 3\n", "utf-8-sig")
    assert read_config().config.tune.folds == 3


# -- options ------------------------------------------------------------------


def test_settings_as_options():
    assert parse_settings(
        ["tune.folds=3", "tune.scoring = roc_auc", "columns.user_uuid=a=b"]
    ) == {
        ("tune", "folds"): 3,
        ("tune", "scoring"): "roc_auc",
        ("columns", "user_uuid"): "a=b",
    }


@pytest.mark.parametrize("setting", ["", "tune", "tune=3", "tune.=3", ".folds=3"])
def test_invalid_settings(setting):
    with pytest.raises(ConfigError, match=r"--set expects SECTION\.KEY=VALUE"):
        parse_settings([setting])


# -- TOML ---------------------------------------------------------------------

TEXTS = st.text(max_size=12).filter(lambda text: "\r" not in text)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(VALUES, min_size=1, max_size=4), st.integers(0, 2))
def test_values_and_lines_survive_a_document(values, blanks):
    values = [_encodable(value) for value in values]
    lines, expected = ["[tune]"], {("tune",): 1}
    for number, value in enumerate(values):
        lines += ["# folds = 3", *[""] * blanks]
        lines.append(f"k{number} = {write_value(value)}")
        expected["tune", f"k{number}"] = len(lines)
    text = "\n".join(lines)
    document = tomllib.loads(text)["tune"]
    assert document == {f"k{number}": value for number, value in enumerate(values)}
    found = find_lines(text)
    assert {place: found[place] for place in expected} == expected


def _encodable(value):
    """Leave out surrogates, which no file can contain."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, list):
        return [_encodable(one) for one in value]
    return value


def test_lines_of_values_that_span_lines():
    text = 'a = """\nb = 1\n"""\n\nc.d = [\n  1,\n  # e = 2\n  2,\n]\n[f]\ng = 1\n'
    assert find_lines(text) == {
        ("a",): 1,
        ("c",): 5,
        ("c", "d"): 5,
        ("f",): 10,
        ("f", "g"): 11,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("roc_auc", "roc_auc"),
        ("recall>=0.9", "recall>=0.9"),
        ("[1, 2]", [1, 2]),
        ("1\nother = 2", "1\nother = 2"),  # a second key is not part of it
        ("", ""),
    ],
)
def test_value_of_a_text(text, value):
    assert read_value(text) == value


# -- the commands -------------------------------------------------------------


def test_init_writes_the_defaults(project, edml, assert_fails):
    assert edml("config", "init").stdout == "Wrote edml.toml.\n"
    assert read_config(Path("edml.toml")).config == Config()
    before = Path("edml.toml").read_text()
    assert_fails(edml("config", "init"), "edml.toml exists", "--force", code=2)
    Path("edml.toml").write_text("[tune]\nfolds = 3\n")
    assert edml("config", "init", "--force").exit_code == 0
    assert Path("edml.toml").read_text() == before
    assert not list(project.glob(".*.tmp"))


def test_template_lists_every_key():
    text = write_template()
    # also the keys without a default, once uncommented
    every = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in text.splitlines()
    )
    document = tomllib.loads(every)
    defaults = Config().model_dump()
    for section in Config.model_fields:
        assert set(document[section]) >= set(defaults.get(section, ()))


def test_show(project, edml):
    Path("edml.toml").write_text("[tune]\nfolds = 3\n")
    result = edml(
        "config", "show", "--set", "data.test_share=0.3", EDML_TUNE_N_JOBS="2"
    )
    assert result.exit_code == 0, result.output
    lines = {
        line.split()[0]: line for line in result.stdout.splitlines() if "." in line
    }
    assert lines["tune.folds"].split()[1:] == ["3", "edml.toml,", "line", "2"]
    assert "EDML_TUNE_N_JOBS" in lines["tune.n_jobs"]
    assert "option" in lines["data.test_share"]
    assert lines["tune.scoring"].split()[2] == "default"
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_show_for_machines(project, edml):
    result = edml("config", "show", "--json", "--set", "tune.folds=3")
    shown = json.loads(result.stdout)
    assert Config.model_validate(shown["settings"], strict=False).tune.folds == 3
    assert shown["origins"] == {"tune.folds": "option tune.folds"}


def test_mistakes_are_usage_errors(project, edml, assert_fails):
    Path("edml.toml").write_text("[tune]\nfold = 3\n")
    said = "edml.toml, line 2: [tune] has no key 'fold'. Did you mean 'folds'?"
    for command in (["config", "show"], ["tune", "events.csv"], ["process"], ["run"]):
        assert_fails(edml(*command), said, code=2)
    assert_fails(edml("tune", "--config", "no.toml"), "no.toml", code=2)


def test_unknown_variables_are_noted(project, edml):
    result = edml("config", "show", "--json", EDML_TUNE_FODS="3")
    assert result.exit_code == 0
    assert "EDML_TUNE_FODS is not a setting" in result.stderr


def test_secrets_are_not_shown(project, edml):
    secrets = {"EDML_ENDPOINT_TOKEN": "hush", "EDML_REGISTRY_KEY": "hush"}
    result = edml("config", "show", **secrets)
    assert result.exit_code == 0
    assert "hush" not in result.output
