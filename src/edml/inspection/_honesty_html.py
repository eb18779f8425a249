"""A HonestyReport as an HTML page for readers who do not know the library."""

from html import escape
from os import PathLike
from typing import Any

import pandas as pd

from edml._files import replace_file
from edml._messages import in_words
from edml._page import Cell, make_figures, make_page, make_row, make_table
from edml._translation import N_
from edml._urls import as_path
from edml._words import MISSING, Words
from edml.inspection._evaluation_figures import Plot, draw_picture
from edml.metrics import LOSSES, METRIC_TITLES

#: The splits of `honesty_report`: their names, and what they train on.
SPLITS = {
    "row-random": (
        N_("rows at random"),
        N_("Trained on other days of the same students."),
    ),
    "by student": (
        N_("by student"),
        N_("Trained on other students, of the same courses and periods."),
    ),
    "by course": (
        N_("by course"),
        N_("Trained on other courses, without the students tested."),
    ),
    "forward": (
        N_("forward in time"),
        N_("Trained on earlier periods, as a model is used."),
    ),
}


def name_split(split: str, words: Words) -> str:
    """Return the readable name of a split."""
    return words(SPLITS[split][0]) if split in SPLITS else split


def write_page(report: Any, path: str | PathLike[str], words: Words) -> None:
    """Write the report to a file, atomically."""
    n_snapshots, n_students = report.table[["n_snapshots", "n_students"]].iloc[0]
    caption = words(
        "All splits are evaluated on the same {n_snapshots} snapshots of {n_students} "
        "students. Brackets hold {confidence} intervals. Optimism is how much a split "
        "flatters the model, compared with: {reference}.",
        n_snapshots=words.number(n_snapshots),
        n_students=words.number(n_students),
        confidence=words.percent(report.confidence, 0),
        reference=name_split(report.reference, words),
    )
    n_metrics = len(report.metrics)
    plot = Plot(
        "honesty",
        words("The figures of each split"),
        words(
            "Dots are figures, lines their intervals; the dashed line is the split "
            "that the others are compared with."
        ),
        (1.6 + 2.2 * n_metrics, 1.1 + 0.4 * len(report.table)),
        lambda report, figure, words: report.plot(
            figure.subplots(1, n_metrics), language=words.language
        ),
    )
    parts = [
        f'<p class="lead">{escape(write_headline(report, words))}</p>',
        f"<p>{escape(caption)}</p>",
        *(_table(report, name, words) for name in report.metrics),
        make_figures([draw_picture(report, plot, "", words)]),
        *(f"<p>{escape(in_words(note, words.language))}</p>" for note in report.notes),
    ]
    title = words("How honest each split is")
    replace_file(as_path(path), make_page(title, "".join(parts), words.language))


def write_headline(report: Any, words: Words) -> str:
    """Return which split flatters the model most in the first metric."""
    name = report.metrics[0]
    others = report.table.drop(index=report.reference)
    values = {
        "metric": words(METRIC_TITLES[name]),
        "reference": name_split(report.reference, words),
    }
    if not len(others):
        return words("Only one split could be made: {reference}.", **values)
    row = others.loc[others[f"{name}_optimism"].idxmax()]
    ends = row[f"{name}_optimism_low"], row[f"{name}_optimism_high"]
    values |= {
        "split": name_split(str(row.name), words),
        "optimism": words.number(row[f"{name}_optimism"], 3),
        "ends": words.interval(*ends, 3),
    }
    if pd.isna(ends[0]) or ends[0] <= 0:
        return words(
            "No split is shown to flatter the model: by {metric}, none can be told "
            "apart from {reference}.",
            **values,
        )
    return words(
        "The split '{split}' flatters the model most: by {metric}, it looks {optimism} "
        "{ends} better than '{reference}'.",
        **values,
    )


def _table(report: Any, name: str, words: Words) -> str:
    rows = []
    for split, row in report.table.iterrows():
        ends = row[f"{name}_low"], row[f"{name}_high"]
        above = f"{name}_optimism"
        optimism: list[str | Cell] = [MISSING, ""]
        if split != report.reference:
            between = row[f"{above}_low"], row[f"{above}_high"]
            text = words.number(row[above], 3, signed=True)
            optimism = [Cell(text, row[above]), words.interval(*between, 3)]
        meaning = words(SPLITS[split][1]) if split in SPLITS else ""
        rows.append(
            make_row(
                name_split(str(split), words),
                Cell(words.number(row[name], 3), row[name]),
                words.interval(*ends, 3),
                *optimism,
                more=f'<td class="text">{escape(meaning)}</td>',
            )
        )
    better = words("less is better") if name in LOSSES else words("more is better")
    head = [
        words("split"),
        words("value"),
        words("its interval"),
        words("optimism"),
        words("its interval"),
        words("what it means"),
    ]
    caption = f"{words(METRIC_TITLES[name])} ({better})"
    return make_table(caption, head, rows, sortable=True)
