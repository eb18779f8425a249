from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from edml.tracking._reconcile import Memory, Target, compare

NAMES, TEXTS = st.sampled_from("abc"), st.sampled_from("123")
VALUES = st.dictionaries(NAMES, TEXTS)


class KilledError(Exception):
    """The process ended here."""


def carry_out(plan, there, memory, steps=99):
    """Write as sync does, and be killed after some steps."""

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

    Target(write, remove, remember).carry_out(plan, memory["text"])


def bring(desired, there, memory, steps=99):
    plan = compare(desired, Memory.from_text(memory["text"]), there)
    carry_out(plan, there, memory, steps)
    return plan


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_who_writes_alone_is_always_in_step_and_writes_once(every):
    there, memory = {}, {"text": None}
    for desired in every:
        assert not bring(desired, there, memory).conflicts
        assert there == desired
        again = compare(desired, Memory.from_text(memory["text"]), there)
        assert (again.writes, again.conflicts) == ({}, {})
        assert again.after.to_text() == memory["text"]


@given(st.lists(st.tuples(VALUES, st.integers(0, 6)), min_size=1, max_size=6), VALUES)
def test_own_writes_are_not_taken_for_anothers_wherever_it_was_killed(every, last):
    there, memory = {}, {"text": None}
    for desired, steps in every:
        plan = compare(desired, Memory.from_text(memory["text"]), there)
        assert not plan.conflicts
        with suppress(KilledError):
            carry_out(plan, there, memory, steps)
    assert not bring(last, there, memory).conflicts
    assert there == last


@given(VALUES, VALUES, NAMES, st.sampled_from("12345") | st.none())
def test_what_another_wrote_is_told_and_stays(first, second, name, value):
    there, memory = {}, {"text": None}
    bring(first, there, memory)
    by_hand = there.get(name) != value
    there.pop(name, None)
    if value is not None:
        there[name] = value
    plan = bring(second, there, memory)
    assert there.get(name) == (value if by_hand else second.get(name))
    ours = name in first or name in second  # of all else nothing is said
    assert (name in plan.conflicts) == (ours and by_hand and second.get(name) != value)
    others = {key: text for key, text in there.items() if key != name}
    assert others == {key: text for key, text in second.items() if key != name}
    again = bring(second, there, memory)
    assert again.conflicts == plan.conflicts
    assert not again.writes


def test_a_conflict_ends_when_the_server_says_what_is_wanted():
    there, memory = {}, {"text": None}
    bring({"a": "1"}, there, memory)
    there["a"] = "9"
    assert bring({"a": "2"}, there, memory).conflicts == {"a": "9"}
    there["a"] = "2"
    assert not bring({"a": "2"}, there, memory).conflicts
    assert bring({"a": "3"}, there, memory).writes == {"a": "3"}


def test_what_was_there_before_the_first_write_is_anothers():
    plan = compare({"a": "1"}, Memory(), {"a": "9", "b": "2"})
    assert (plan.writes, plan.conflicts) == ({}, {"a": "9"})


def test_a_damaged_memory_is_an_empty_one():
    for text in ("{", "[]", '{"written": [1]}', '{"written": {"a": 1}}', "7", None, ""):
        assert Memory.from_text(text) == Memory()
