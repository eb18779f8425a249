"""A search's records always fit into MLflow's limits."""

import json
import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.tracking._records import make_candidate, to_key, to_params, to_text

SEARCH = "0123456789abcdef" * 2
ROW = {
    "number": 3,
    "algorithm": "lightgbm",
    "status": "evaluated",
    "score": 0.5,
    "best_score": 0.75,
    "estimate": 0.5,
    "roc_auc": math.nan,
    "n_folds": 2,
    "started": 1.5,
    "wall_time": 2.0,
    "fit_time": 1.0,
    "score_time": math.inf,
    "params": {"algorithm": "lightgbm", "classify__depth": 3, "balance": None},
    "error": "",
    "fold_scores": [0.25, 0.75],
}


def test_unknown_figures_are_no_metrics():
    candidate = make_candidate(SEARCH, ROW, 100.0)
    names = [name for name, _, _ in candidate["metrics"]]
    assert "roc_auc" not in names
    assert "score_time" not in names
    folds = [m[1:] for m in candidate["metrics"] if m[0] == "fold_score"]
    assert folds == [(0.25, 0), (0.75, 1)]
    assert (candidate["started"], candidate["ended"]) == (101_500, 103_500)
    assert candidate["of_parent"] == [("search/best_score", 0.75, 3)]
    json.dumps(candidate, allow_nan=False)


def test_an_error_fails_the_run_and_a_stop_does_not():
    row = {**ROW, "status": "failed", "error": "x" * 9999}
    failed = make_candidate(SEARCH, row, 0)
    assert failed["status"] == "FAILED"
    assert len(failed["tags"]["edml.error"]) == 5000
    stopped = make_candidate(SEARCH, {**ROW, "status": "stopped"}, 0)
    assert stopped["status"] == "FINISHED"
    assert stopped["tags"]["edml.status"] == "stopped"


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()
)
_KEYS = st.text(st.characters(), max_size=300) | st.text(
    string.ascii_letters + "./\\: \x00\n", max_size=300
)


@given(st.dictionaries(_KEYS, _VALUES | st.lists(_VALUES), max_size=20))
def test_any_parameters_fit(params):
    found = to_params(params)
    assert len(found) == len(params)
    assert len({key.casefold() for key in found}) == len(params)
    for key, value in found.items():
        assert 1 <= len(key) <= 250
        assert not set(key) & set("/\\:\n\x00")
        assert key[0] != "."
        assert len(value) <= 6000
        value.encode()
    assert to_params(params) == found
    json.dumps(found).encode()


@pytest.mark.parametrize("name", ["classify__max_depth", "balance", "a-b c.d", "año"])
def test_valid_names_are_kept(name):
    assert to_key(name) == name


def test_names_that_would_become_equal_stay_distinct():
    found = to_params({"a/b": 1, "a:b": 2, "A?B": 3})
    assert sorted(found.values()) == ["1", "2", "3"]


def test_a_cut_text_shows_its_length():
    assert to_text("x" * 7000, 6000).endswith("x… (7000 characters)")
    assert len(to_text("x" * 7000, 6000)) == 6000
    assert to_text("a\x00b\ud800", 10) == "a�b?"
