"""Predictions from a terminal have the bits of score_students, in whole files."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
from packaging.version import Version

from edml import RiskClassifier, make_risk_pipeline, make_target
from edml.cli import _files
from edml.cli._files import read_file, safe_name
from edml.cli._predict import (
    Predictions,
    courses_of,
    predict_with_client,
    to_records,
    write_files,
)
from edml.cli._selection import Wanted, choose_events, list_histories
from edml.exceptions import ServingError
from edml.registry import ModelRegistry
from edml.schema import resolve_columns
from edml.serving import create_app

NAMES = resolve_columns(None)
KEYS = ["user_uuid", "course_uuid"]


@pytest.fixture
def model(with_champion):
    return ModelRegistry("registry").load("production")


@pytest.fixture(name="X")
def later_table(with_champion):
    return read_file(Path("later.csv"), NAMES)


def predict(edml, *options, **environ):
    result = edml("predict", "later.csv", "--json", *options, **environ)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def assert_same(predictions, students):
    """Compare predictions with score_students: same rows, order and bits."""
    found = pd.DataFrame(predictions)
    assert len(found) == len(students)
    for name in (*KEYS, "legajo", "course_name", "flagged", "reasons", "facts"):
        assert found[name].tolist() == students[name].tolist(), name
    assert found["particion"].tolist() == students["particion"].tolist()
    ours, theirs = found["probability"].to_numpy(), students["probability"].to_numpy()
    assert (ours.view(np.int64) == theirs.view(np.int64)).all()


class Client:
    """Answers like an endpoint, from a model; JSON loses nothing."""

    def __init__(self, model, X=None, shuffle=False):
        self.model = model
        self.shuffle = shuffle

    def __call__(self, url, token=None, *, timeout):
        self.asked = (url, token, timeout)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def predict(self, X, explain=False, language="en", at=None):
        self.sent = X
        students = self.model.score_students(
            X, at=at, n_reasons=3 if explain else 0, language=language
        )
        students = students.drop(columns=["change", "legajo", "course_name"])
        students["threshold"] = self.model.threshold_
        students["model_version"] = 7
        records = json.loads(json.dumps(students.to_dict("records")))
        found = pd.DataFrame(records)
        return found.sample(frac=1, random_state=0) if self.shuffle else found


# -- the same bits ------------------------------------------------------------


def test_all_courses_match_score_students_exactly(edml, model, X):
    shown = predict(edml)
    assert_same(shown["predictions"], model.score_students(X))
    assert shown["model_version"] == 1
    assert {one["threshold"] for one in shown["predictions"]} == {model.threshold_}
    assert {one["model_version"] for one in shown["predictions"]} == {1}


def test_parquet_reads_the_same(edml, model, X, later_events):
    later_events.assign(legajo=later_events["legajo"].astype(str)).to_parquet(
        "l.parquet"
    )
    result = edml("predict", "l.parquet", "--json")
    assert_same(json.loads(result.stdout)["predictions"], model.score_students(X))


def test_one_course_students_and_day(edml, model, X):
    name = X["course_name"].iloc[0]
    of_course = X[X["course_name"] == name]
    assert 0 < len(of_course) < len(X)
    shown = predict(edml, "--course", name, "--partition", 5)
    assert_same(shown["predictions"], model.score_students(of_course, at=5))
    by_id = predict(
        edml, "--course", of_course["course_uuid"].iloc[0], "--partition", 5
    )
    assert by_id["predictions"] == shown["predictions"]
    some = of_course["user_uuid"].unique()[:2].tolist()
    chosen = of_course[of_course["user_uuid"].isin(some)]
    options = ["--course", name, "--student", some[0], "--student", some[1]]
    shown = predict(edml, *options, "--language", "es")
    assert_same(shown["predictions"], model.score_students(chosen, language="es"))


def test_list_ignores_later_days(edml, model, X):
    early = X[X["particion"].fillna(0) <= 4]
    early.to_csv("early.csv", index=False)
    at = predict(edml, "--partition", 4)["predictions"]
    assert at == predict(edml, "--partition", 4)["predictions"]
    assert {one["particion"] for one in at} == {4}
    latest = json.loads(edml("predict", "early.csv", "--json").stdout)["predictions"]
    later_scores = early["s_graded_at"].notna().any()
    assert later_scores  # some of which are graded after day 4
    assert [one["user_uuid"] for one in at] != []
    assert len(at) == len(latest)


def test_a_name_in_a_csv_file_is_no_formula(edml, model, X):
    X.assign(course_name='=HYPERLINK("x")').to_csv("later.csv", index=False)
    shown = predict(edml, "--format", "csv")
    table = pd.concat(pd.read_csv(path) for path in shown["files"])
    assert table["course_name"].str.startswith("'=").all()
    assert {one["course_name"] for one in shown["predictions"]} == {'=HYPERLINK("x")'}


def test_columns_are_those_of_the_model(edml, tuned, events):
    columns = {"user_uuid": "student", "course_uuid": "class"}
    table = events.rename(columns=columns)
    pipeline = make_risk_pipeline("lightgbm", columns=columns)
    fitted = RiskClassifier(pipeline, cv=2).fit(table, make_target(table))
    registry = ModelRegistry("registry")
    registry.promote(registry.register(fitted).version)
    table.to_csv("named.csv", index=False)
    result = edml("predict", "named.csv", "--json")  # no setting names them
    assert result.exit_code == 0, result.output
    read = read_file(Path("named.csv"), resolve_columns(columns))
    students = registry.load("production").score_students(read)
    shown = json.loads(result.stdout)
    assert list(shown["predictions"][0])[:2] == ["student", "class"]
    back = {actual: name for name, actual in columns.items()}
    found = pd.DataFrame(shown["predictions"]).rename(columns=back)
    assert_same(found, students.rename(columns=back))
    for path in shown["files"]:
        held = json.loads(Path(path).read_text("utf-8"))["predictions"]
        assert list(held[0]) == list(shown["predictions"][0])
    screen = edml("predict", "named.csv", "--format", "csv")
    assert screen.exit_code == 0, screen.output
    path = next(Path(shown["files"][0]).parents[1].glob("latest.csv"))
    assert path.read_text("utf-8").startswith("student,class,course_name,legajo,")


def test_columns_named_as_a_prediction_raise(edml, tuned, events):
    columns = {"user_uuid": "threshold"}
    table = events.rename(columns=columns)
    pipeline = make_risk_pipeline("lightgbm", columns=columns)
    fitted = RiskClassifier(pipeline, cv=2).fit(table, make_target(table))
    registry = ModelRegistry("registry")
    registry.promote(registry.register(fitted).version)
    table.to_csv("named.csv", index=False)
    result = edml("predict", "named.csv")
    assert result.exit_code != 0
    assert "The columns ['threshold'] of the events have names" in result.output
    assert not Path("inferences").exists()


# -- by an endpoint -----------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
def test_endpoint_returns_the_same(edml, model, X, monkeypatch, shuffle):
    client = Client(model, shuffle=shuffle)
    monkeypatch.setattr("edml.serving._client.RiskClient", client)
    options = ["--url", "http://127.0.0.1:1", "--partition", 6]
    shown = predict(edml, *options, **{"EDML_ENDPOINT_TOKEN": "hush"})
    expected = model.score_students(X, at=6)
    if shuffle:  # equal probabilities may come in any order
        keys = expected[KEYS].itertuples(index=False, name=None)
        order = {key: row for row, key in enumerate(keys)}
        shown["predictions"].sort(key=lambda one: order[one[KEYS[0]], one[KEYS[1]]])
    assert_same(shown["predictions"], expected)
    assert client.asked == ("http://127.0.0.1:1", "hush", 30.0)
    assert shown["model_version"] == 7
    assert "hush" not in json.dumps(shown)


def test_the_token_is_of_a_file_or_of_the_environment(
    edml, model, monkeypatch, assert_fails
):
    client = Client(model)
    monkeypatch.setattr("edml.serving._client.RiskClient", client)
    for name in ("given", "configured"):
        Path(name).write_text(
            f"# the tutors\n{name}-0123456789 predict\nsecond-0123456789\n"
        )
        Path(name).chmod(0o600)
    url = ["--url", "http://127.0.0.1:1"]
    by_option, by_variable = ["--token-file", "given"], {"EDML_ENDPOINT_TOKEN": "hush"}
    by_setting = ["--set", "endpoint.token_file=configured"]
    for options, environ, token in (
        ([*by_option, *by_setting], by_variable, "given-0123456789"),
        (by_setting, by_variable, "hush"),
        (by_setting, {}, "configured-0123456789"),
        ([], {}, None),
    ):
        predict(edml, *url, *options, **environ)
        assert client.asked[1] == token
    Path("given").chmod(0o644)
    result = edml("predict", "later.csv", *url, *by_option)
    assert_fails(result, "only its owner may read")


def test_an_endpoint_receives_only_the_requested_students(edml, model, X, monkeypatch):
    client = Client(model)
    monkeypatch.setattr("edml.serving._client.RiskClient", client)
    monkeypatch.setenv("EDML_ENDPOINT_URL", "http://127.0.0.1:1")
    student = X["user_uuid"].iloc[0]
    shown = predict(edml, "--student", student)
    assert set(client.sent["user_uuid"]) == {student}
    own = model.score_students(X[X["user_uuid"] == student])
    assert_same(shown["predictions"], own)
    # a registry option overrides an endpoint setting
    assert predict(edml, "--registry", "registry")["model_version"] == 1


@pytest.mark.slow
def test_real_endpoint_returns_the_same(edml, model, X):
    serving = pytest.importorskip("werkzeug.serving")
    endpoint = serving.make_server(
        "127.0.0.1", 0, create_app(ModelRegistry("registry"))
    )
    thread = Thread(target=endpoint.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{endpoint.server_port}"
        everybody = predict(edml, "--url", url)
        name = X["course_name"].iloc[-1]
        of_course = predict(edml, "--url", url, "--course", name, "--partition", 5)
    finally:
        endpoint.shutdown()
        thread.join()
    assert_same(everybody["predictions"], model.score_students(X))
    chosen = X[X["course_name"] == name]
    assert_same(of_course["predictions"], model.score_students(chosen, at=5))


def test_numbers_as_ids_survive_texts(model, X):
    numbered = X.assign(
        user_uuid=X["user_uuid"].factorize()[0], course_uuid=X["course_uuid"]
    )

    class Texts(Client):
        def predict(self, X, explain=False, language="en", at=None):
            found = super().predict(X, explain, language, at)
            return found.assign(user_uuid=found["user_uuid"].astype(str))

    chosen = choose_events(numbered, Wanted(), NAMES)
    found = predict_with_client(Texts(model), chosen, Wanted(), NAMES)
    assert_same(to_records(found), model.score_students(numbered))


def test_endpoint_that_rejects_the_request(edml, model, assert_fails, monkeypatch):
    class Refuses(Client):
        def predict(self, X, explain=False, language="en", at=None):
            raise ServingError("Expected an answer; found none.")

    monkeypatch.setattr("edml.serving._client.RiskClient", Refuses(model))
    result = edml("predict", "later.csv", "--url", "http://127.0.0.1:1")
    assert_fails(result, "edml predict: Expected an answer; found none.")
    assert not Path("inferences").exists()


def test_an_invalid_address(edml, with_champion, assert_fails):
    pytest.importorskip("urllib3")
    result = edml("predict", "later.csv", "--url", "ftp://ann:hush@x")
    assert_fails(result, "Expected an address", code=2)
    assert "hush" not in result.output


# -- files --------------------------------------------------------------------


def labels_of(X):
    """Return the label of each course of events that have names and periods."""
    histories = list_histories(X, NAMES)
    return dict(zip(histories["label"], histories["course_name"], strict=True))


def test_one_file_per_course_and_day(edml, model, X):
    before = datetime.now(UTC)
    shown = predict(edml, "--out", "out")
    labels = labels_of(X)
    assert len(labels) == 3
    held = []
    for path, label in zip(map(Path, shown["files"]), sorted(labels), strict=True):
        assert path.parent == Path("out", safe_name(label), "11")
        body = json.loads(path.read_text("utf-8"))
        assert (body["course"], body["partition"]) == (label, 11)
        assert label.endswith(f" ({body['period']})")
        made = datetime.fromisoformat(body["time"])
        assert before.replace(microsecond=0) <= made <= datetime.now(UTC)
        assert path.name == f"{made:%Y-%m-%dT%H-%M-%S}-{body['time'][20:23]}Z.json"
        assert body["whole_course"] is True
        assert body["model_version"] == 1
        assert {one["course_name"] for one in body["predictions"]} == {labels[label]}
        assert (path.parents[1] / "latest.json").read_bytes() == path.read_bytes()
        held += body["predictions"]
    by_student = sorted(held, key=str)
    assert by_student == sorted(shown["predictions"], key=str)
    assert not list(Path("out").rglob(".*"))


def test_no_file_is_replaced(edml, model, X):
    """Runs of one day stand beside each other, and some students replace no list."""
    student = X["user_uuid"].iloc[0]
    written = {}
    for options in ([], ["--student", student], ["--at", 11], [], ["--at", 5]):
        for path in map(Path, predict(edml, *options)["files"]):
            assert path not in written
            assert ("-selected" in path.name) == ("--student" in options)
            written[path] = path.read_bytes()
        assert all(path.read_bytes() == held for path, held in written.items())
        for folder in Path("inferences").iterdir():
            lists = [one for one in written if folder in one.parents]
            whole = [one for one in lists if "-selected" not in one.name]
            if "--at" in options:
                continue  # a day that was requested is not the course's latest
            newest = max(whole, key=lambda one: one.name)
            assert (folder / "latest.json").read_bytes() == written[newest]
    assert len(written) == 5 * 3 - (
        3 - X[X["user_uuid"] == student]["course_uuid"].nunique()
    )
    known = {*written, *Path("inferences").glob("*/latest.json")}
    assert known == {path for path in Path("inferences").rglob("*") if path.is_file()}


def test_commands_of_one_moment(tmp_path, model, X):
    """Files of the same millisecond get different names."""
    chosen = choose_events(X, Wanted(), NAMES)
    students = model.score_students(X)
    courses = courses_of(students, chosen.histories)
    found = Predictions(students, courses, {}, NAMES)
    now = datetime(2026, 1, 2, 3, 4, 5, 999_500, tzinfo=UTC)
    paths = [
        write_files(found, tmp_path, "csv", whole=True, now=now)[0] for _ in range(3)
    ]
    assert [Path(path).name for path in paths] == [
        "2026-01-02T03-04-05-999Z.csv",
        "2026-01-02T03-04-06-000Z.csv",
        "2026-01-02T03-04-06-001Z.csv",
    ]


def test_csv_to_the_last_bit(edml, model, X):
    shown = predict(edml, "--format", "csv", "--partition", 3)
    exact = {"dtype": {"legajo": "str"}}
    if Version(pd.__version__) < Version("3.1"):  # later ones are always exact
        exact["float_precision"] = "round_trip"
    tables = [pd.read_csv(path, **exact) for path in shown["files"]]
    assert {Path(path).parent.name for path in shown["files"]} == {"3"}
    table = pd.concat(tables)
    expected = {
        (one["user_uuid"], one["course_uuid"]): one for one in shown["predictions"]
    }
    assert len(table) == len(expected)
    for row in table.to_dict("records"):
        one = expected[row["user_uuid"], row["course_uuid"]]
        assert row["probability"] == one["probability"]
        assert row["legajo"] == one["legajo"]
        assert row["reasons"] == "; ".join(one["reasons"])


def write_lists(students, folder, kind):
    courses = courses_of(students, list_histories(students, NAMES))
    found = Predictions(students, courses, {}, NAMES)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return write_files(found, folder, kind, whole=True, now=now)


def test_course_names_never_escape_the_folder(tmp_path):
    names = [
        "../../etc",
        "a/b",
        "A/b",
        "CON",
        "",
        "x" * 300,
        "Álgebra",
        "álgebra",
        None,
    ]
    students = pd.DataFrame(
        {
            "user_uuid": [f"s{place}" for place in range(len(names))],
            "course_uuid": [f"c{place}" for place in range(len(names))],
            "course_name": names,
            "particion": 1,
            "probability": 0.5,
            "flagged": True,
        }
    )
    folder = tmp_path / "out"
    paths = write_lists(students, folder, "json")
    assert len({path.casefold() for path in paths}) == len(names)
    for path in paths:
        course, day, file = Path(path).relative_to(folder).parts
        assert (day, file) == ("1", "2026-01-02T00-00-00-000Z.json")
        assert course not in ("", ".", "..")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    bodies = [json.loads(Path(path).read_text("utf-8")) for path in paths]
    told = [body["predictions"][0]["course_name"] for body in bodies]
    assert sorted(map(str, told)) == sorted(map(str, names))
    assert "c8" in {body["course"] for body in bodies}  # the course has no name
    assert {body["period"] for body in bodies} == {None}


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_courses_of_one_name_have_files_of_their_own(edml, with_champion, X, kind):
    ids = sorted(X["course_uuid"].unique())
    assert len(ids) > 1
    same = X.assign(course_name="Same", periodo="1-2026")
    same.to_csv("same.csv", index=False)
    result = edml("predict", "same.csv", "--json", "--format", kind)
    shown = json.loads(result.stdout)
    assert len(set(shown["files"])) == len(ids)
    courses = []
    for path in map(Path, shown["files"]):
        if kind == "csv":
            held = set(pd.read_csv(path, dtype=str)["course_uuid"])
        else:
            body = json.loads(path.read_text())
            held = {one["course_uuid"] for one in body["predictions"]}
            assert body["course"] == f"Same (01-2026) ({next(iter(held))})"
        assert len(held) == 1
        courses += held
    assert sorted(courses) == ids
    # one of them requested by its id is written to the same folder
    again = edml("predict", "same.csv", "--json", "--format", kind, "--course", ids[0])
    (path,) = json.loads(again.stdout)["files"]
    assert Path(path).parent in [Path(one).parent for one in shown["files"]]
    assert path not in shown["files"]


def test_labels_of_courses_are_distinct(tmp_path):
    table = pd.DataFrame(
        {
            "course_uuid": ["a", "b", "c", "d", "d"],
            "course_name": ["Same", "Same", "Same (a)", None, None],
        }
    )
    students = table.assign(user_uuid="s", particion=1, probability=0.5)
    histories = list_histories(students, NAMES)
    labels = dict(zip(histories["course_uuid"], histories["label"], strict=True))
    assert labels == {"a": "Same (a)", "b": "Same (b)", "c": "Same (a)", "d": "d"}
    paths = write_lists(students.drop(index=4), tmp_path, "csv")
    assert len({path.casefold() for path in paths}) == 4


def test_names_are_not_needed(edml, with_champion, X):
    X.drop(columns=["course_name", "legajo"]).to_csv("bare.csv", index=False)
    result = edml("predict", "bare.csv", "--json")
    assert result.exit_code == 0, result.output
    folders = {Path(path).parts[1] for path in json.loads(result.stdout)["files"]}
    assert {name.rpartition(" (")[0] for name in folders} == set(X["course_uuid"])
    assert "course_name" not in json.loads(result.stdout)["predictions"][0]


def test_final_grade_is_not_needed(edml, model, X):
    X.drop(columns="nota_final_materia").to_csv("running.csv", index=False)
    result = edml("predict", "running.csv", "--json")
    expected = model.score_students(X)
    assert_same(json.loads(result.stdout)["predictions"], expected)


def test_students_with_a_final_grade_are_left_out_unless_requested(edml, model, X):
    first = X["course_uuid"] == X["course_uuid"].iloc[0]
    assert 0 < first.sum() < len(X)
    grades = X["nota_final_materia"]
    X.assign(nota_final_materia=grades.mask(first)).to_csv("mixed.csv", index=False)
    result = edml("predict", "mixed.csv", "--json")
    running = model.score_students(X[first])
    assert_same(json.loads(result.stdout)["predictions"], running)
    n_left = X[~first].groupby(KEYS).ngroups
    assert f"Left out {n_left} students with a final grade" in result.stderr
    other = X["course_uuid"].loc[~first].iloc[0]
    asked = json.loads(edml("predict", "mixed.csv", "--json", "--course", other).stdout)
    of_course = X[X["course_uuid"] == other]
    assert_same(asked["predictions"], model.score_students(of_course))
    on_a_day = edml("predict", "mixed.csv", "--json", "--at", 5, "--no-running")
    everybody = model.score_students(X, at=5)
    assert_same(json.loads(on_a_day.stdout)["predictions"], everybody)
    assert "Left out" not in on_a_day.stderr


def test_all_are_scored_if_all_have_a_final_grade(edml, model, X):
    assert X["nota_final_materia"].notna().all()
    result = edml("predict", "later.csv", "--json")
    assert_same(json.loads(result.stdout)["predictions"], model.score_students(X))
    assert "Left out" not in result.stderr


def test_on_a_terminal(edml, with_champion):
    result = edml("predict", "later.csv")
    assert result.exit_code == 0, result.output
    assert re.search(r"Flagged: \d+ of \d+ students in a course", result.stdout)
    assert result.stdout.count("\nWrote inferences") == 3
    table = result.stdout.partition("Flagged:")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert "Scoring" in result.stderr


def test_long_ids_are_shown_in_full(edml, with_champion, X):
    students = X["user_uuid"].factorize()[0] + 170000000000000000
    named = X.drop(columns="legajo").assign(user_uuid=students)
    named.to_csv("long.csv", index=False)
    result = edml("predict", "long.csv")
    assert result.exit_code == 0, result.output
    table = result.stdout.partition("Flagged:")[0]
    assert len({word for word in table.split() if word.startswith("1700000")}) > 1
    assert max(map(len, table.splitlines())) <= 80


def predict_on_a_console(X, encoding, *options):
    X.assign(course_name="数学 é").to_csv("named.csv", index=False)
    code = "from edml.cli import main; main()"
    return subprocess.run(  # noqa: S603 - the code is in the line above
        [sys.executable, "-c", code, "predict", "named.csv", *options],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    ).stdout


def test_a_table_on_a_console_without_its_letters(with_champion, X):
    assert b"Flagged" in predict_on_a_console(X, "ascii")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_json_on_any_console(with_champion, X, encoding):
    """A name in Chinese reaches a program whatever the encoding of the console."""
    shown = json.loads(predict_on_a_console(X, encoding, "--json"))
    assert {one["course_name"] for one in shown["predictions"]} == {"数学 é"}
    files = [Path(path) for path in shown["files"]]
    assert {path.parts[1][:4] for path in files} == {"数学 é"}


# -- errors -------------------------------------------------------------------


def test_missing_students_are_reported_without_an_id(
    edml, with_champion, assert_fails, X
):
    there = X["user_uuid"].iloc[0]
    options = ["--student", there, "--student", "ann42"]
    result = edml("predict", "later.csv", *options)
    assert_fails(result, "all 2 students", "none of number 2", "'user_uuid'")
    assert "ann42" not in result.output
    assert there not in result.output
    assert_fails(edml("predict", "later.csv", "--course", "No"), "events of the course")
    assert_fails(edml("predict", "no.csv"), "There is no file no.csv")
    assert not Path("inferences").exists()


def test_usage(edml, with_champion, assert_fails):
    both = ["--url", "http://127.0.0.1:1", "--registry", "registry"]
    assert_fails(edml("predict", "later.csv", *both), "found both", code=2)
    assert_fails(edml("predict"), "paths.raw", code=2)
    for options in (["--partition", "-1"], ["--format", "xml"], ["--language", "fr"]):
        assert edml("predict", "later.csv", *options).exit_code == 2


def test_no_champion(edml, tuned, assert_fails):
    assert_fails(edml("predict", "later.csv"), "in production")


def test_bad_rows_give_a_one_line_error(edml, with_champion, assert_fails, X):
    X.assign(score="ann42").to_csv("bad.csv", index=False)
    result = edml("predict", "bad.csv")
    assert_fails(result, "'score'")
    assert "ann42" not in result.output


def test_interruption_leaves_whole_files(
    edml, with_champion, assert_fails, monkeypatch
):
    written = []

    def stop(path, data):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write(path, data)

    write = _files.write_new
    monkeypatch.setattr(_files, "write_new", stop)
    assert_fails(edml("predict", "later.csv"), "Stopped", code=130)
    (first,) = written
    files = {path for path in Path("inferences").rglob("*") if path.is_file()}
    assert files == {first, first.parents[1] / "latest.json"}
    assert len({json.dumps(json.loads(path.read_text())) for path in files}) == 1
