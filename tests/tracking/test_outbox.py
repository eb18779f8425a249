"""Outbox: events are there whole or not at all, and belong to one sender."""

import json
import math
import os
import signal
import stat
import string
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.tracking._events import (
    make_begin,
    make_candidate,
    make_end,
    to_key,
    to_params,
    to_text,
)
from edml.tracking._outbox import Outbox, resend

SEARCH = "0123456789abcdef" * 2
ROW = {
    "number": 3,
    "algorithm": "lightgbm",
    "status": "evaluated",
    "score": 0.5,
    "best_score": 0.75,
    "estimate": 0.5,
    "roc_auc": math.nan,
    "refines": math.nan,
    "n_folds": 2,
    "started": 1.5,
    "wall_time": 2.0,
    "fit_time": 1.0,
    "score_time": math.inf,
    "params": {"algorithm": "lightgbm", "classify__depth": 3, "balance": None},
    "error": "",
    "fold_scores": [0.25, 0.75],
}


def begin(search=SEARCH):
    return make_begin(search, "http://h", "edml", None, 1000)


def candidate(number=0, search=SEARCH):
    return make_candidate(search, {**ROW, "number": number}, 100.0)


def test_events_come_back_in_order_until_they_are_done(outbox):
    other = uuid.uuid4().hex
    written = [candidate(1), begin(), make_end(SEARCH, "FINISHED", 9), candidate(0)]
    for event in [*written, begin(other)]:
        assert outbox.add(event).parent == outbox.folder
    found = outbox.events(SEARCH)
    assert [event["kind"] for event in found] == [
        "begin",
        "candidate",
        "candidate",
        "end",
    ]
    assert found[1] == {"format": 1, **candidate(0)}
    assert set(outbox.searches()) == {SEARCH, other}
    for event in found:
        outbox.done(event)
        outbox.done(event)  # again is no matter
    assert outbox.searches() == [other]


def test_an_empty_folder_is_not_even_made(outbox):
    assert outbox.events() == []
    assert outbox.searches() == []
    assert resend() == 0
    assert not outbox.folder.exists()


def test_nobody_else_reads_it(outbox):
    path = outbox.add(begin())
    assert stat.S_IMODE(outbox.folder.stat().st_mode) & 0o077 == 0
    assert path.is_file()


DAMAGED = {
    "empty": "",
    "cut": "{",
    "list": "[]",
    "null": "null",
    "text": '"begin"',
    "deep": "[" * 100_000,
    "bare": json.dumps({"kind": "candidate"}),
    "kind": json.dumps({"format": 1, **begin(), "kind": "other"}),
    "type": json.dumps({"format": 1, **begin(), "started": "soon"}),
    "order": json.dumps({"format": 1, **begin(), "order": 7}),
    "format": json.dumps({"format": 2, **begin()}),
    "search": json.dumps({"format": 1, **begin("f" * 32)}),
    "bool": json.dumps({"format": 1, **begin(), "order": True}),
    "kind-list": json.dumps({"kind": ["begin"]}),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_set_aside(outbox, text):
    path = outbox.add(begin())
    path.write_text(text)
    outbox.add(candidate())
    assert [event["kind"] for event in outbox.events()] == ["candidate"]
    assert path.with_suffix(".damaged").read_text() == text
    assert not path.exists()


def test_bytes_that_are_no_text_are_set_aside(outbox):
    path = outbox.add(begin())
    path.write_bytes(b"\xff\xfe\x00")
    assert outbox.events() == []
    assert path.with_suffix(".damaged").exists()


def test_other_files_are_let_be(outbox):
    outbox.add(begin())
    names = [
        "notes.txt",
        f"{SEARCH}-1.json",
        ".tmp-1",
        f"{SEARCH.upper()}-000000001.json",
    ]
    for name in names:
        (outbox.folder / name).write_text("{")
    assert len(outbox.events()) == 1
    assert all((outbox.folder / name).exists() for name in names)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {**begin(), "search": "../../etc/passwd"},
        {**begin(), "search": SEARCH[:-1]},
        {**begin(), "order": -1},
        {**candidate(), "status": None},
    ],
)
def test_what_is_no_event_is_refused(outbox, event):
    with pytest.raises(ValueError, match="An event"):
        outbox.add(event)
    assert not outbox.folder.exists()


def test_a_number_that_json_does_not_know_is_refused(outbox):
    with pytest.raises(ValueError, match="JSON"):
        outbox.add({**begin(), "score": math.nan})


def test_a_full_disk_leaves_what_was_there(outbox, monkeypatch):
    outbox.add(begin())

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        outbox.add(candidate())
    assert len(list(outbox.folder.iterdir())) == 1


def test_refused_events_are_kept_under_another_name(outbox):
    outbox.add(begin())
    path = outbox.set_aside(outbox.events()[0])
    assert path.exists()
    assert outbox.events() == []


def test_a_search_is_written_while_the_block_runs(outbox):
    assert not outbox.is_written(SEARCH)
    with outbox.written(SEARCH):
        assert outbox.is_written(SEARCH)
        assert not outbox.is_written("f" * 32)
    assert not outbox.is_written(SEARCH)


def test_one_sends_at_a_time(outbox):
    with outbox.sent(SEARCH) as mine:
        assert mine
        with Outbox(outbox.folder).sent(SEARCH) as also_mine:
            assert not also_mine
    with outbox.sent(SEARCH) as mine:
        assert mine


_HOLDS = """
import sys, time
from edml.tracking._outbox import Outbox
with Outbox(sys.argv[1]).written(sys.argv[2]):
    print("holds", flush=True)
    time.sleep(600)
"""


def test_a_killed_writer_is_gone(outbox):
    outbox.add(begin())
    command = [sys.executable, "-c", _HOLDS, str(outbox.folder), SEARCH]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        process.stdout.readline()
        assert outbox.is_written(SEARCH)
        os.kill(process.pid, signal.SIGKILL)
    assert not outbox.is_written(SEARCH)


def test_what_is_not_known_is_no_metric():
    event = candidate()
    names = [name for name, _, _ in event["metrics"]]
    assert "roc_auc" not in names
    assert "score_time" not in names
    assert [m[1:] for m in event["metrics"] if m[0] == "fold_score"] == [
        [0.25, 0],
        [0.75, 1],
    ]
    assert (event["started"], event["ended"]) == (101_500, 103_500)
    json.dumps(event, allow_nan=False)


def test_an_error_fails_the_run_and_a_stop_does_not():
    failed = make_candidate(SEARCH, {**ROW, "status": "failed", "error": "x" * 9999}, 0)
    assert failed["status"] == "FAILED"
    assert len(failed["tags"]["edml.error"]) == 5000
    stopped = make_candidate(SEARCH, {**ROW, "status": "stopped"}, 0)
    assert stopped["status"] == "FINISHED"
    assert stopped["tags"]["edml.status"] == "stopped"


def test_which_candidate_another_refines():
    assert "edml.refines" not in candidate()["tags"]
    refined = make_candidate(SEARCH, {**ROW, "refines": 12.0}, 0)
    assert refined["tags"]["edml.refines"] == "12"


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
def test_names_that_fit_stay(name):
    assert to_key(name) == name


def test_names_that_would_be_one_stay_two():
    found = to_params({"a/b": 1, "a:b": 2, "A?B": 3})
    assert sorted(found.values()) == ["1", "2", "3"]


def test_a_long_text_says_how_long_it_was():
    assert to_text("x" * 7000, 6000).endswith("x… (7000 characters)")
    assert len(to_text("x" * 7000, 6000)) == 6000
    assert to_text("a\x00b\ud800", 10) == "a�b?"
