"""The result of an evaluation in sentences, without names of metrics."""

import math
from typing import NamedTuple

import pandas as pd
from scipy.stats import binomtest

from edml._words import Words, words_in
from edml.inspection._evaluation_format import EvaluationFields
from edml.schema import PARTITION

_SHARE = 0.1  # of the students, whom a course team can contact in a week


class Found(NamedTuple):
    """How many of those who fail a list finds, as a share with its interval."""

    share: float
    low: float
    high: float
    by_lot: float  # the share that as many students drawn by lot would hold


def measure_found(row: pd.Series, confidence: float) -> Found:
    """Return the share found in a row of `Evaluation.contacts`; NaN if nobody fails."""
    n_failing = int(row["n_failing"])
    by_lot = row["n_contacted"] / row["n_students"]
    if not n_failing:
        return Found(math.nan, math.nan, math.nan, by_lot)
    n_found = int(row["n_found"])
    ends = binomtest(n_found, n_failing).proportion_ci(confidence, method="wilson")
    return Found(n_found / n_failing, ends.low, ends.high, by_lot)


def write_headline(evaluation: EvaluationFields, language: str) -> str:
    """Return whom the model finds, how well it ranks, and whether it is calibrated."""
    words = words_in(language)
    parts = [_say_students(evaluation, words), _say_ranking(evaluation, words)]
    error = evaluation.metrics["calibration_error"]
    if not math.isnan(error):
        parts.append(
            words(
                "Its probabilities differ from the shares that fail by {points} "
                "percentage points on average.",
                points=words.number(100 * error, 1),
            )
        )
    return " ".join(part for part in parts if part)


def _say_students(evaluation: EvaluationFields, words: Words) -> str:
    counts = evaluation.counts
    if not len(evaluation.contacts):
        return words(
            "Of {n} rows that the model had not seen, {n_failing} fail.",
            n=words.number(counts["n_snapshots"]),
            n_failing=words.number(counts["n_failing_snapshots"]),
        )
    row = choose_contacts(evaluation.contacts)
    found = measure_found(row, evaluation.confidence)
    first = words(
        "Of {n} students whom the model had not seen, each counted once per course, "
        "{n_failing} fail.",
        n=words.number(row["n_students"]),
        n_failing=words.number(row["n_failing"]),
    )
    second = words.ngettext(
        "On day {day}, contacting the student most at risk in each course reaches "
        "{n_contacted}, of whom {n_found} fail: {share} of those who fail "
        "({low} to {high}), where drawing lots would find {by_lot}.",
        "On day {day}, contacting the {n} students most at risk in each course reaches "
        "{n_contacted}, of whom {n_found} fail: {share} of those who fail "
        "({low} to {high}), where drawing lots would find {by_lot}.",
        int(row["per_course"]),
        day=words.number(row[PARTITION]),
        n_contacted=words.number(row["n_contacted"]),
        n_found=words.number(row["n_found"]),
        share=words.percent(found.share, 0),
        low=words.percent(found.low, 0),
        high=words.percent(found.high, 0),
        by_lot=words.percent(found.by_lot, 0),
    )
    return f"{first} {second}"


def _say_ranking(evaluation: EvaluationFields, words: Words) -> str:
    auc = evaluation.metrics["roc_auc"]
    if math.isnan(auc):
        return ""
    low, high = evaluation.intervals["roc_auc"]
    values = {"auc": words.percent(auc, 0)}
    if math.isnan(low):
        return words(
            "It ranks one who fails above one who passes in {auc} of cases; chance is "
            "half.",
            **values,
        )
    return words(
        "It ranks one who fails above one who passes in {auc} of cases ({low} to "
        "{high}); chance is half.",
        low=words.percent(low, 0),
        high=words.percent(high, 0),
        **values,
    )


def choose_contacts(contacts: pd.DataFrame) -> pd.Series:
    """Return the row of a middle week in which about a tenth is contacted."""
    weeks = contacts[PARTITION].unique()
    rows = contacts[contacts[PARTITION] == weeks[(len(weeks) - 1) // 2]]
    rows = rows[rows["per_course"].notna()]
    excess = (rows["n_contacted"] - _SHARE * rows["n_students"]).abs()
    return rows.loc[excess.idxmin()]
