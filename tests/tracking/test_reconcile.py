"""Writes to a server that others write to as well."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from edml.tracking._reconcile import Target, read_memory, reconcile

NAMES, TEXTS = st.sampled_from("abc"), st.sampled_from("123")
VALUES = st.dictionaries(NAMES, TEXTS)


class KilledError(Exception):
    """Raised where the process would be killed."""


def bring(desired, there, memory, steps=99):
    """Write as sync does, and stop after some steps."""

    def step():
        nonlocal steps
        steps -= 1
        if steps < 0:
            raise KilledError

    def write(name, value):
        step()
        there[name] = value

    def remove(name):
        step()
        del there[name]

    def remember(text):
        step()
        memory["text"] = text

    target = Target(write, remove, remember)
    return reconcile(desired, dict(there), memory["text"], target)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_sole_writer_has_no_conflicts_and_writes_once(every):
    there, memory = {}, {"text": None}
    for desired in every:
        assert not bring(desired, there, memory)[1]
        assert there == desired
        assert bring(desired, there, memory, steps=0) == ({}, {})  # nothing to write


@given(st.lists(st.tuples(VALUES, st.integers(0, 6)), min_size=1, max_size=6), VALUES)
def test_own_writes_before_a_kill_are_not_conflicts(every, last):
    there, memory = {}, {"text": None}
    for desired, steps in every:
        with suppress(KilledError):
            assert not bring(desired, there, memory, steps)[1]
    assert not bring(last, there, memory)[1]
    assert there == last


@given(VALUES, VALUES, NAMES, st.sampled_from("12345") | st.none())
def test_foreign_changes_are_reported_and_kept(first, second, name, value):
    there, memory = {}, {"text": None}
    bring(first, there, memory)
    by_hand = there.get(name) != value
    there.pop(name, None)
    if value is not None:
        there[name] = value
    _, conflicts = bring(second, there, memory)
    assert there.get(name) == (value if by_hand else second.get(name))
    ours = name in first or name in second  # other names are not reported
    assert (name in conflicts) == (ours and by_hand and second.get(name) != value)
    others = {key: text for key, text in there.items() if key != name}
    assert others == {key: text for key, text in second.items() if key != name}
    assert bring(second, there, memory) == ({}, conflicts)


def test_conflict_ends_when_the_server_matches_the_registry():
    there, memory = {}, {"text": None}
    bring({"a": "1"}, there, memory)
    there["a"] = "9"
    assert bring({"a": "2"}, there, memory)[1] == {"a": "9"}
    there["a"] = "2"
    assert not bring({"a": "2"}, there, memory)[1]
    assert bring({"a": "3"}, there, memory)[0] == {"a": "3"}


def test_a_value_before_the_first_write_is_anothers():
    there = {"a": "9", "b": "2"}
    assert bring({"a": "1"}, there, {"text": None}) == ({}, {"a": "9"})


def test_a_damaged_memory_is_empty():
    damaged = ("{", "[]", '{"written": [1]}', '{"written": {"a": 1}}', "7", None, "")
    for text in damaged:
        assert read_memory(text) == ({}, {})
