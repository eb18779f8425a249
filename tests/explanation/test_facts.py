"""history_facts: facts match plain loops, and never come from later rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.datasets import as_of, load_activity
from edml.exceptions import TableError
from edml.explanation import LANGUAGES, history_facts
from strategies import DAY, START, event_tables, table


def events(*rows):
    """Build the table of one history from (partition, facets)."""
    keys = {"user_uuid": "ana", "course_uuid": "x"}
    return table([{**keys, "particion": p, **facets} for p, facets in rows])


def exam(name, grade):
    return {"nombre_examen": name, "nota_parcial": grade}


def sub(name, score=None, submitted=None, graded=None):
    def moment(day):
        return None if day is None else START + day * DAY

    return {
        "ass_name_sub": name,
        "score": score,
        "s_submitted_at": moment(submitted),
        "s_graded_at": moment(graded),
    }


def last(X, **options):
    return history_facts(X, [len(X) - 1], **options)[0]


# -- an oracle: loops over the table as it was --------------------------------


def is_name(value):
    return isinstance(value, str) and value.strip() != ""


def told(shown, p, days):  # noqa: PLR0912 - as plain as can be
    """Return one history's English facts from its rows as shown at ``p``."""
    exams, pending, last_event, last_sent = {}, {}, None, None
    assigned = False
    for row in shown.to_dict("records"):
        at = 0 if pd.isna(row["particion"]) else row["particion"]
        named = [is_name(row[k]) for k in ("nombre_examen", "ass_name", "ass_name_sub")]
        if any(named):
            last_event = at if last_event is None else max(at, last_event)
        assigned |= named[1] or named[2]
        if named[0]:
            name = row["nombre_examen"].strip()
            exams[name] = exams.get(name, False) or not pd.isna(row["nota_parcial"])
        if named[2]:
            name = row["ass_name_sub"].strip()
            timed = not (pd.isna(row["s_submitted_at"]) or row["s_submitted_at"] == 0)
            scored = not pd.isna(row["score"])
            pending[name] = pending.get(name, True) and timed and not scored
            if timed or (scored and row["score"] > 0):
                last_sent = at if last_sent is None else max(at, last_sent)
    facts = []
    if last_event is None:
        if p * days >= 7:
            facts.append("no event yet")
    elif (p - last_event) * days >= 7:
        facts.append(f"no event in {int((p - last_event) * days)} days")
    if last_sent is None:
        if assigned:
            facts.append("no submission yet")
    elif (p - last_sent) * days >= 7:
        facts.append(f"no submission in {int((p - last_sent) * days)} days")
    if not any(exams.values()) and p * days >= 7:
        facts.append("no exam sat yet")
    absent = sum(not sat for sat in exams.values())
    if absent:
        facts.append(f"absent from {absent} exam{'s' * (absent > 1)}")
    waiting = sum(pending.values())
    if waiting == 1:
        facts.append("1 submission waits for a grade")
    elif waiting:
        facts.append(f"{waiting} submissions wait for a grade")
    return facts


@given(event_tables(dtypes=False), st.sampled_from([1.0, 0.5, 7.0]))
def test_facts_are_those_of_plain_loops(X, days):
    every = history_facts(X, np.arange(len(X)), partition_days=days)
    partition = X["particion"].fillna(0).to_numpy()
    for row, facts in enumerate(every):
        p = partition[row]
        mine = X["user_uuid"].eq(X["user_uuid"].iloc[row]) & X["course_uuid"].eq(
            X["course_uuid"].iloc[row]
        )
        shown = as_of(X[mine.to_numpy()], p, partition_days=days)
        assert facts == told(shown, p, days)


@given(event_tables(), st.sampled_from([1.0, 2.5]))
def test_facts_use_no_later_rows(X, days):
    partition = X["particion"].astype(float).fillna(0).to_numpy()
    every = history_facts(X, np.arange(len(X)), partition_days=days)
    for p in np.unique(partition):
        shown = as_of(X, p, partition_days=days)
        rows = np.flatnonzero(partition == p)
        place = np.cumsum(partition <= p) - 1
        facts = history_facts(shown, place[rows], partition_days=days)
        assert facts == [every[row] for row in rows]


@given(event_tables(), st.randoms(use_true_random=False))
def test_row_order_and_other_students_do_not_matter(X, random):
    every = history_facts(X, np.arange(len(X)))
    order = list(range(len(X)))
    random.shuffle(order)
    shuffled = history_facts(X.iloc[order], np.arange(len(X)))
    assert shuffled == [every[row] for row in order]
    alone = np.flatnonzero((X["user_uuid"].astype(object) == "ana").to_numpy())
    assert history_facts(X.iloc[alone], np.arange(len(alone))) == [
        every[row] for row in alone
    ]


@given(event_tables())
def test_the_input_is_not_changed(X):
    before = X.copy()
    history_facts(X, [0])
    pd.testing.assert_frame_equal(X, before)


# -- single cases -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        ([(0, {}), (6, {})], []),
        ([(0, {}), (7, {})], ["no event yet", "no exam sat yet"]),
        ([(0, exam("A", 7.0)), (6, {})], []),
        ([(0, exam("A", 7.0)), (21, {})], ["no event in 21 days"]),
        ([(3, exam("A", None))], ["absent from 1 exam"]),
        ([(3, exam("A", None)), (4, exam("B", None))], ["absent from 2 exams"]),
        ([(3, exam("A", None)), (4, exam(" A ", 2.0))], []),
        ([(3, exam("  ", None)), (4, exam("", None))], []),
        ([(3, {"ass_name": "T"})], ["no submission yet"]),
        ([(3, {"ass_name": " "})], []),
        ([(3, sub("T"))], ["no submission yet"]),
        ([(3, sub("T", score=0.0))], ["no submission yet"]),
        ([(3, sub("T", score=5.0))], []),
        ([(3, sub("T", submitted=3))], ["1 submission waits for a grade"]),
        (
            [(3, sub("T", submitted=3)), (4, sub("U", 9.0, 4, 6))],
            ["2 submissions wait for a grade"],
        ),
        ([(3, sub("T", 9.0, 3, 5)), (4, {})], ["1 submission waits for a grade"]),
        ([(3, sub("T", 9.0, 3, 5)), (5, {})], []),
        ([(None, {"ass_name": "T"}), (0, {})], ["no submission yet"]),
        (
            [(0, exam("A", 1.0) | sub("T", 9.0)), (14, exam("B", 1.0))],
            ["no submission in 14 days"],
        ),
    ],
)
def test_single_cases(rows, facts):
    assert last(events(*rows)) == facts


def test_days_are_partitions_times_their_length():
    X = events((0, exam("A", 7.0)), (3, {}))
    assert last(X) == []
    assert last(X, partition_days=7) == ["no event in 21 days"]
    assert last(X, partition_days=2.5) == ["no event in 7 days"]


def test_immense_partitions():
    X = events((0, exam("A", 7.0)), (2**53, {}))
    assert last(X) == [f"no event in {2**53} days"]


def test_spanish():
    X = events((0, sub("T", submitted=0)), (8, exam("A", None)))
    assert last(X, language="es") == [
        "ninguna entrega en 8 días",
        "ningún examen rendido todavía",
        "ausente en 1 examen",
        "1 entrega espera nota",
    ]


def test_every_language_has_equally_many_facts():
    X = load_activity().iloc[:20_000]
    rows = np.arange(0, len(X), 37)
    counts = [
        [len(facts) for facts in history_facts(X, rows, language=language)]
        for language in LANGUAGES
    ]
    assert sum(counts[0]) > 100
    assert all(count == counts[0] for count in counts)


def test_renamed_columns():
    X = events((3, exam("A", None)))
    names = {"user_uuid": "student", "nombre_examen": "exam"}
    renamed = X.rename(columns=names)
    assert history_facts(renamed, [0], columns=names) == [["absent from 1 exam"]]


def test_rows_may_repeat_reorder_or_be_empty():
    X = events((3, exam("A", None)), (12, {}))
    one, two = history_facts(X, [0, 1])
    assert history_facts(X, [1, 0, 1]) == [two, one, two]
    assert history_facts(X, []) == []
    assert history_facts(X.iloc[:0], []) == []


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([2], r"positions from 0 to 1 in a table of 2 rows; found 2 to 2"),
        ([-1], "found -1 to -1"),
        ([0.5], "whole numbers; found 1 dimension"),
        ([True, False], "flatnonzero"),
        (0, "found 0 dimension"),
        (["a"], "whole numbers"),
    ],
)
def test_rows_that_are_no_positions(rows, says):
    X = events((3, exam("A", None)), (12, {}))
    with pytest.raises(ValueError, match=says):
        history_facts(X, rows)


def test_unknown_language_and_columns():
    X = events((3, {}))
    with pytest.raises(ValueError, match=r"language='fr' is unknown.*'en', 'es'"):
        history_facts(X, [0], language="fr")
    with pytest.raises(TableError, match="lacks"):
        history_facts(X.drop(columns="user_uuid"), [0])
    with pytest.raises(ValueError, match="partition_days"):
        history_facts(X, [0], partition_days=0.0)
