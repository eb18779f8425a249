"""The shipped sample matches the generator, and is large enough."""

import importlib.util
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from edml.datasets import load_activity, make_student_activity, make_target
from edml.datasets._sample import SAMPLE_FILE, SAMPLE_PARAMETERS
from edml.schema import COLUMNS

TOOL = Path(__file__).parents[2] / "tools" / "make_sample.py"


@pytest.fixture(scope="module", name="X")
def sample():
    return load_activity()


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("make_sample", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sample_matches_the_generator(X):
    made = make_student_activity(**SAMPLE_PARAMETERS)
    pd.testing.assert_frame_equal(X, made, check_exact=True)


def test_file_is_small_and_readable_with_only_pandas(X):
    path = files("edml.datasets").joinpath(SAMPLE_FILE)
    assert len(path.read_bytes()) < 300_000
    read = pd.read_json(path, dtype=False)
    assert list(read) == list(COLUMNS)
    assert len(read) == len(X)


def test_tool_output_is_readable(tool, tmp_path, monkeypatch, capsys, X):
    few = dict(SAMPLE_PARAMETERS) | {"n_enrolments": 40}
    monkeypatch.setattr(tool, "SAMPLE_PARAMETERS", few)
    monkeypatch.setattr(tool, "DATASETS", tmp_path)
    tool.main()
    assert "rows in" in capsys.readouterr().out
    monkeypatch.setattr("edml.datasets._sample.files", lambda _: tmp_path)
    pd.testing.assert_frame_equal(load_activity(), make_student_activity(**few))
    assert len(load_activity()) < len(X)


def test_tool_rejects_a_file_that_is_too_large(tool, monkeypatch, tmp_path):
    monkeypatch.setattr(tool, "SAMPLE_PARAMETERS", {"n_enrolments": 40})
    monkeypatch.setattr(tool, "DATASETS", tmp_path)
    monkeypatch.setattr(tool, "LARGEST", 100)
    with pytest.raises(SystemExit, match="100 is the limit"):
        tool.main()
    assert not list(tmp_path.iterdir())


def test_return_x_y(X):
    both, y = load_activity(return_X_y=True)
    pd.testing.assert_frame_equal(both, X)
    pd.testing.assert_series_equal(y, make_target(X))
    assert load_activity(return_X_y=False).equals(X)


def test_four_percent_fail(X):
    ends = X.drop_duplicates(["user_uuid", "course_uuid"])
    assert len(ends) == SAMPLE_PARAMETERS["n_enrolments"]
    assert make_target(ends).mean() == pytest.approx(0.04, abs=0.001)


@pytest.mark.parametrize("seed", range(5))
def test_a_fifth_of_the_students_contains_eight_failing_ones(X, seed):
    failing = make_target(X).groupby(X["user_uuid"]).max()
    split = StratifiedShuffleSplit(1, test_size=0.2, random_state=seed)
    _, test = next(split.split(failing, failing))
    assert failing.iloc[test].sum() >= 8


def test_forward_split_has_failing_students_on_both_sides(X):
    half = X["periodo"].str.lstrip("0").str[::-1]  # year first, backwards
    failing = make_target(X).groupby([half, X["user_uuid"]]).max()
    assert (failing.groupby(level=0).sum() >= 5).all()
    assert half.nunique() >= 3


def test_tables_are_not_shared(X):
    own = load_activity()
    own["score"] = -1.0
    pd.testing.assert_frame_equal(load_activity(), X)
