"""An Evaluation as an HTML page for readers who do not know the library."""

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any

import pandas as pd

from edml._files import replace_file
from edml._page import Cell, Prose, Table, make_figures, make_page, wrap
from edml._urls import as_path
from edml._words import MISSING, Words, words_in
from edml.explanation import feature_name
from edml.inspection._evaluation_figures import draw_pictures
from edml.inspection._evaluation_format import EvaluationFields
from edml.inspection._headline import measure_found, write_headline
from edml.metrics import METRIC_MEANINGS, METRIC_TITLES
from edml.schema import PARTITION

_SHOWN = ("roc_auc", "average_precision", "brier", "precision", "recall")
_FOLDED_FROM = 13  # rows; a longer breakdown is collapsed
_CAPACITIES = 4  # in the table of contacts
_FEATURES = 15


def make_fragment(
    evaluation: EvaluationFields,
    language: str = "en",
    importance: Mapping[str, float] | None = None,
) -> str:
    """Return one HTML element without pictures, as a notebook shows it."""
    words = words_in(language)
    tables = {
        words("By course day"): (evaluation.by_partition, words("course day")),
        words("By course"): (_name_courses(evaluation.by_course), words("course")),
    }
    tables |= {
        words("By {column}", column=name): (one, name)
        for name, one in evaluation.by_group.items()
    }
    parts = [
        write_headline(evaluation, language),
        _contacts(evaluation, words),
        _headline(evaluation, words),
        _summarize(evaluation, words),
        _importance(importance, words),
        _confusion(evaluation, words),
        _alerts(evaluation, words),
        *(_breakdown(title, *table, words) for title, table in tables.items()),
    ]
    return wrap(part for part in parts if part)


def write_page(
    evaluation: EvaluationFields,
    path: str | PathLike[str],
    language: str,
    importance: Mapping[str, float] | None,
) -> None:
    """Write the evaluation and its pictures to a file, atomically."""
    words = words_in(language)
    pictures = make_figures(draw_pictures(evaluation, "", language))
    fragment = make_fragment(evaluation, language, importance)
    title = words("Pictures")
    body = f"{fragment}\n<h2>{title}</h2>\n{pictures}"
    replace_file(as_path(path), make_page(words("Evaluation"), body, language))


# -- parts of the page --------------------------------------------------------


def _unit(evaluation: EvaluationFields, words: Words) -> str:
    has_days = len(evaluation.by_partition) > 0
    return words("snapshots") if has_days else words("rows")


def _summarize(evaluation: EvaluationFields, words: Words) -> str:
    counts = {name: words.number(n) for name, n in evaluation.counts.items()}
    unit = _unit(evaluation, words)
    text = words(
        "{n_snapshots} {unit} of {n_students} students, of whom {n_failing_students} "
        "fail ({n_failing_snapshots} {unit}). A student is flagged at a probability "
        "of {threshold} or more.",
        unit=unit,
        threshold=words.percent(evaluation.threshold),
        **counts,
    )
    if len(evaluation.by_partition):
        text += " " + words("A snapshot is a student in a course on a day.")
    return text


def _contacts(evaluation: EvaluationFields, words: Words) -> Table | None:
    """Return whom some capacities find by week; None where it is not known."""
    contacts = evaluation.contacts
    every = contacts["per_course"].dropna().unique()
    if not len(every):
        return None
    largest = every[: max(1, len(every) - 1)]  # the last contacts everybody
    step = max(1, len(largest) // _CAPACITIES)
    chosen = largest[step - 1 :: step][:_CAPACITIES]
    rows: list[list[str | Cell]] = []
    for day, week in contacts.groupby(PARTITION):
        cells = []
        for capacity in chosen:
            row = week[week["per_course"] == capacity].iloc[0]
            share = measure_found(row, evaluation.confidence).share
            found = words(
                "{found} of {n}",
                found=words.number(row["n_found"]),
                n=words.number(row["n_contacted"]),
            )
            cells.append(Cell(f"{words.percent(share, 0)} ({found})", share))
        failing = int(week["n_failing"].iloc[0])
        count = Cell(words.number(failing), failing)
        rows.append([words.number(int(day)), count, *cells])
    head = [
        words("course day"),
        words("students who fail"),
        *(
            words.ngettext("{n} per course", "{n} per course", int(one))
            for one in chosen
        ),
    ]
    caption = words(
        "The share of those who fail that is found, by contacts per course and week "
        "(in brackets: who fails, of those contacted)"
    )
    return Table(caption, head, rows, sortable=True)


def _headline(evaluation: EvaluationFields, words: Words) -> Table:
    rows = [
        (
            words(title),
            _figure(evaluation.metrics[name], words),
            _between(*evaluation.intervals.get(name, (math.nan, math.nan)), words),
            Prose(words(METRIC_MEANINGS[name])),
        )
        for name, title in METRIC_TITLES.items()
    ]
    percent = words.percent(evaluation.confidence, 0)
    head = [
        words("figure"),
        words("value"),
        words("{percent} interval", percent=percent),
        words("what it means"),
    ]
    return Table(words("Figures"), head, rows)


def _importance(importance: Mapping[str, float] | None, words: Words) -> Table | None:
    """Return the heaviest features, as shares of the total weight."""
    if importance is None or not len(importance):
        return None
    weights = pd.Series(dict(importance), dtype=float)
    shares = (weights / weights.sum()).sort_values(ascending=False, kind="stable")
    rows = [
        (feature_name(str(name), words.language), Cell(words.percent(share), share))
        for name, share in shares.head(_FEATURES).items()
        if share > 0
    ]
    head = [words("feature"), words("share of the weight")]
    caption = words("What the model relies on, not what makes students fail")
    return Table(caption, head, rows)


def _confusion(evaluation: EvaluationFields, words: Words) -> Table:
    passes, fails = evaluation.confusion.tolist()
    rows = [
        (words("passes"), *map(words.number, passes)),
        (words("fails"), *map(words.number, fails)),
    ]
    unit = _unit(evaluation, words)
    caption = words("By outcome and flag: {unit}", unit=unit)
    return Table(caption, ["", words("not flagged"), words("flagged")], rows)


def _alerts(evaluation: EvaluationFields, words: Words) -> str:
    """Format when those who fail are flagged, and how steady the flag is."""
    lead = evaluation.lead_time
    if not lead:
        return ""
    sentences = [
        words(
            "Of {n} students who fail, each once per course, {share} are flagged at "
            "least once.",
            n=words.number(lead["n_failing"]),
            share=words.percent(lead["share_alerted"]),
        )
    ]
    if not math.isnan(lead["median"]):
        names = ("median", "lower_quartile", "upper_quartile")
        days = {name: words.short(lead[name]) for name in names}
        sentences.append(
            words(
                "The first flag comes {median} days before the end (median; half of "
                "them between {lower_quartile} and {upper_quartile}).",
                **days,
            )
        )
    sentences.append(
        words(
            "The flag changes from one day to the next in {share} of cases.",
            share=words.percent(evaluation.flip_rate),
        )
    )
    return " ".join(sentences)


def _name_courses(table: pd.DataFrame) -> pd.DataFrame:
    """Label courses by their names where these are stored, and distinguish runs."""
    if "course_name" not in table:
        return table
    names, ids = table["course_name"], table.iloc[:, 0]
    twice = names.duplicated(keep=False)
    labels = names.where(~twice, names + " (" + ids + ")").fillna(ids)
    return table.drop(columns="course_name").assign(**{table.columns[0]: labels})


def _breakdown(
    title: str, table: pd.DataFrame, label: str, words: Words
) -> Table | None:
    """Return a breakdown, collapsed if long; None if it is empty."""
    if not len(table):
        return None
    first, *others = (words(METRIC_TITLES[name]) for name in _SHOWN)
    counts = words("students"), words("failing")
    head = [label, *counts, first, words("its interval"), *others]
    rows = [_breakdown_row(record, words) for record in table.to_dict("records")]
    folded = len(rows) >= _FOLDED_FROM
    return Table(title, head, rows, sortable=True, folded=folded)


def _breakdown_row(record: Mapping[Any, Any], words: Words) -> list[str | Cell]:
    label, *_ = record.values()
    counts = [
        Cell(words.number(record[name]), record[name])
        for name in ("n_students", "n_failing")
    ]
    if not record["enough"]:
        return [str(label), *counts, Prose(words("too few students"))]
    first, *others = (_figure(record[name], words) for name in _SHOWN)
    interval = _between(record["roc_auc_low"], record["roc_auc_high"], words)
    return [str(label), *counts, first, interval, *others]


def _figure(value: float, words: Words) -> Cell:
    return Cell(words.number(value, 3), value)


def _between(low: float, high: float, words: Words) -> str:
    return words.interval(low, high, 3) or MISSING
