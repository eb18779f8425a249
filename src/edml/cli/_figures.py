"""Figures for the terminal: each with its interval, on whom, and what to compare."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from edml._translation import N_
from edml.cli._terminal import figure, make_table, right, words

#: The figures in a table of models; two-line headings fit into 80 columns.
HEADLINES = {
    "roc_auc": N_("AUC"),
    "average_precision": N_("average\nprecision"),
    "precision": N_("precision"),
    "recall": N_("recall"),
}


def format_figure(value: float | None, interval: Sequence[float | None] | None) -> str:
    """Return a figure above its interval, such as 0.456 above 0.30-0.61."""
    low, high = interval or (None, None)
    if low is None or high is None or math.isnan(low):
        return figure(value)
    return f"{figure(value)}\n{words.number(low, 2)}-{words.number(high, 2)}"


def format_figures(
    metrics: Mapping[str, float | None],
    intervals: Mapping[str, Sequence[float | None]] | None,
    names: Sequence[str] = (*HEADLINES,),
) -> list[str]:
    """Return the cells of a model's figures."""
    known = intervals or {}
    return [format_figure(metrics[name], known.get(name)) for name in names]


def describe_students(n_students: int, n_failing: int) -> str:
    """Return how many students there are, and how many of them fail."""
    text = words.ngettext("{n} student", "{n} students", n_students)
    text += words.ngettext(", of whom {n} fails", ", of whom {n} fail", n_failing)
    share = f" ({words.percent(n_failing / n_students)})" if n_students else ""
    return f"{text}{share}"


def show_models(
    out: Console, title: str, versions: Sequence[Mapping[str, Any]]
) -> None:
    """Show models that were evaluated on the same students, and on whom."""
    out.print(models_table(title, versions))
    counts = versions[0]["counts"] if versions else {}
    if counts:
        out.print(explain_figures(counts))


def models_table(title: str, versions: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of some models' figures."""
    headings = [right(words(heading)) for heading in HEADLINES.values()]
    shown = make_table(title, right(""), words("algorithm"), *headings)
    for one in versions:
        cells = format_figures(one["metrics"], one["intervals"])
        shown.add_row(str(one.get("version", "")), one["algorithm"], *cells)
    return shown


def explain_figures(counts: Mapping[str, int]) -> str:
    """Return on whom figures were measured, and what they may be compared with."""
    failing = counts["n_failing_snapshots"] / max(counts["n_snapshots"], 1)
    students = describe_students(counts["n_students"], counts["n_failing_students"])
    return words(
        "On {students}, none of whom was trained on; each course day of a student "
        "counts once. Below each figure is its interval (95%). A model that knows "
        "nothing has an AUC of {half} and an average precision of {share}, the "
        "share of days that belong to a failing student. Precision and recall are "
        "those of the model's own threshold. Compare figures only on the same "
        "students.",
        students=students,
        half=words.number(0.5, 1),
        share=figure(failing),
    )
