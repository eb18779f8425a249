"""The threshold tab: how many are contacted a week, and how many who fail are found."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._models_figures import draw_found
from edml.app._models_names import AXES
from edml.app._models_sections import show_numbers
from edml.app._models_view import Pair, StoredEvaluation
from edml.app._words import Words
from edml.inspection import Evaluation
from edml.schema import PARTITION

_CAPACITY, _DAY = "models_capacity", "models_day"


@st.fragment
def show(pair: Pair, words: Words) -> None:
    """Show whom a capacity would contact, from the counts in the evaluation."""
    stored = pair.first
    if stored is None:
        return
    with _state.guarded(words, "models_try_again_threshold"):
        st.header(words("Whom you would contact, and whom you would find"))
        contacts = stored.evaluation.contacts
        if not len(contacts):
            _explain_absence(stored, words)
            return
        left, right = st.columns(2)
        with left:
            capacity = _choose_capacity(contacts, words)
        with right:
            day = _choose_day(contacts, words)
        row = _row(contacts, day, capacity)
        _show_answer(stored.evaluation, row, words)
        matrix, chart = st.columns([2, 3])
        with matrix:
            _show_matrix(row, words)
            _say_own_threshold(stored.evaluation, _row(contacts, day, np.nan), words)
        with chart:
            _show_chart(pair, day, capacity, words)


def _explain_absence(stored: StoredEvaluation, words: Words) -> None:
    if len(stored.evaluation.by_partition):
        text = words(
            "This evaluation was stored by an earlier version of edml, which did not "
            "count students by week. Evaluate the model again to see whom it would "
            "find:"
        )
        st.info(text, icon=":material/update:")
        code = f"registry.reevaluate(X, y, {stored.version})"
        st.code(code, language="python")
        return
    text = words("The model was evaluated on a table without course days.")
    st.info(text, icon=":material/info:")


def _choose_capacity(contacts: pd.DataFrame, words: Words) -> int:
    options = [int(one) for one in contacts["per_course"].dropna().unique()]
    if st.session_state.get(_CAPACITY) not in options:
        st.session_state[_CAPACITY] = min(options, key=lambda one: abs(one - 5))
    return st.select_slider(
        words("Students you can contact, per course and week"),
        options,
        format_func=words.number,
        key=_CAPACITY,
    )


def _choose_day(contacts: pd.DataFrame, words: Words) -> int:
    options = [int(day) for day in contacts[PARTITION].unique()]
    if st.session_state.get(_DAY) not in options:
        st.session_state[_DAY] = options[(len(options) - 1) // 2]
    if len(options) == 1:  # a slider needs two
        st.caption(words("Course day {day}", day=options[0]))
        return options[0]
    return st.select_slider(words("Course day"), options, key=_DAY)


def _row(contacts: pd.DataFrame, day: int, per_course: float) -> pd.Series:
    rows = contacts[contacts[PARTITION] == day]
    same = rows["per_course"] == per_course
    return rows[rows["per_course"].isna() if np.isnan(per_course) else same].iloc[0]


def _show_answer(evaluation: Evaluation, row: pd.Series, words: Words) -> None:
    n, found, failing = (
        int(row[name]) for name in ("n_contacted", "n_found", "n_failing")
    )
    ends = evaluation.find_share(int(row[PARTITION]), float(row["per_course"]))
    share, low, high, by_lot = (words.percent(one, 0) for one in ends)
    with st.container(key="models_answer"):
        columns = st.columns(3)
        label = words("Contacted that week")
        columns[0].metric(label, words.number(n), border=True)
        columns[1].metric(words("Of these, fail"), words.number(found), border=True)
        label = words("Of those who fail, found")
        columns[2].metric(label, share, border=True)
    text = words(
        "On day {day}, the list holds {n} of {n_students} students of the test set, "
        "each once per course; {found} of them fail. That is {share} of the {failing} "
        "who fail ({confidence} interval: {low} to {high}). As many students drawn by "
        "lot would hold {by_lot} of them.",
        day=words.number(row[PARTITION]),
        n=words.number(n),
        n_students=words.number(row["n_students"]),
        found=words.number(found),
        failing=words.number(failing),
        share=share,
        low=low,
        high=high,
        by_lot=by_lot,
        confidence=words.percent(evaluation.confidence, 0),
    )
    so_far = words(
        "With a list each week until then, {n} different students are contacted, of "
        "whom {found} fail.",
        n=words.number(row["n_contacted_so_far"]),
        found=words.number(row["n_found_so_far"]),
    )
    st.write(f"{text} {so_far}")


def _show_matrix(row: pd.Series, words: Words) -> None:
    with st.container(key="models_confusion"):
        st.caption(words("Students on that day, by outcome and contact"))
        n, failing = int(row["n_contacted"]), int(row["n_failing"])
        found = int(row["n_found"])
        counts = [
            [row["n_students"] - failing - (n - found), n - found],
            [failing - found, found],
        ]
        table = pd.DataFrame(
            [[words.number(int(one)) for one in line] for line in counts],
            index=[words("passes"), words("fails")],
            columns=[words("not contacted"), words("contacted")],
        )
        st.table(table)


def _say_own_threshold(evaluation: Evaluation, row: pd.Series, words: Words) -> None:
    text = words(
        "The model's own threshold, {threshold}, flags {n} students on that day, of "
        "whom {found} fail. Moving the slider does not change the model.",
        threshold=words.percent(evaluation.threshold),
        n=words.number(row["n_contacted"]),
        found=words.number(row["n_found"]),
    )
    st.caption(text)


def _show_chart(pair: Pair, day: int, capacity: int, words: Words) -> None:
    lines = {
        words("version {version}", version=one.version): _by_capacity(one, day)
        for one in (pair.first, pair.second)
        if one is not None and day in set(one.evaluation.contacts[PARTITION])
    }
    figure = draw_found(lines, capacity, words)
    st.plotly_chart(figure, key="models_found")
    text = words(
        "The share of those who fail that is found on day {day}, for each capacity, "
        "with its interval; the dotted line is what drawing lots would find, the "
        "diamond your choice.",
        day=words.number(day),
    )
    if pair.reason == "other rows":
        text += " " + words(
            "The two versions were evaluated on different students: do not compare "
            "the lines."
        )
    st.caption(text)
    with st.expander(words("The same as a table")):
        table = next(iter(lines.values()))
        names = {name: words(AXES[name]) for name in table.columns}
        show_numbers(table.rename(columns=names), "models_found_table", words)


def _by_capacity(stored: StoredEvaluation, day: int) -> pd.DataFrame:
    evaluation = stored.evaluation
    contacts = evaluation.contacts
    rows = contacts[(contacts[PARTITION] == day) & contacts["per_course"].notna()]
    found: list[dict[str, Any]] = []
    for row in rows.itertuples():
        share, low, high, by_lot = evaluation.find_share(day, row.per_course)
        found.append(
            {
                "per_course": int(row.per_course),
                "n_contacted": row.n_contacted,
                "n_found": row.n_found,
                "share_found": share,
                "low": low,
                "high": high,
                "by_lot": by_lot,
            }
        )
    return pd.DataFrame(found)
