"""An Evaluation as an HTML page for readers who do not know the library."""

import math
from html import escape
from os import PathLike

import pandas as pd

from edml._files import replace_file
from edml._page import CSS, make_figures, make_page, make_row, make_table
from edml._urls import as_path
from edml.inspection._evaluation_figures import draw_pictures
from edml.inspection._evaluation_format import EvaluationFields
from edml.metrics import METRIC_TITLES

_MEANINGS = {
    "roc_auc": "how often a failing student is ranked above a passing one; 0.5 is "
    "chance",
    "average_precision": "mean precision over all thresholds; chance is the share that "
    "fails",
    "brier": "mean squared error of the probabilities; 0 is best",
    "log_loss": "as the Brier score, harder on confident errors; 0 is best",
    "calibration_error": "how far probabilities lie from the shares that fail, on "
    "average; 0 is best",
    "f1": "harmonic mean of precision and recall at the threshold",
    "precision": "share of the flagged that fail",
    "recall": "share of the failing that are flagged",
    "accuracy": "share of correct flags; high by itself where few fail",
}
_SHOWN = ("roc_auc", "average_precision", "brier", "precision", "recall")
_FOLDED_FROM = 13  # rows; a longer breakdown is collapsed


def make_fragment(evaluation: EvaluationFields) -> str:
    """Return one HTML element without pictures, as a notebook shows it."""
    tables = {
        "By course day": (evaluation.by_partition, "day"),
        "By course": (evaluation.by_course, "course"),
    }
    tables |= {f"By {name}": (one, name) for name, one in evaluation.by_group.items()}
    parts = [
        f"<style>{CSS}</style>",
        f"<p>{_summarize(evaluation)}</p>",
        _headline(evaluation),
        _confusion(evaluation),
        _alerts(evaluation),
        *(_breakdown(title, *table) for title, table in tables.items()),
    ]
    return f'<div class="edml-evaluation">{"".join(parts)}</div>'


def write_page(evaluation: EvaluationFields, path: str | PathLike[str]) -> None:
    """Write the evaluation and its pictures to a file, atomically."""
    pictures = make_figures(draw_pictures(evaluation, ""))
    body = f"{make_fragment(evaluation)}\n<h2>Pictures</h2>\n{pictures}"
    replace_file(as_path(path), make_page("Evaluation", body))


# -- parts of the page --------------------------------------------------------


def _unit(evaluation: EvaluationFields) -> str:
    return "snapshots" if len(evaluation.by_partition) else "rows"


def _summarize(evaluation: EvaluationFields) -> str:
    counts = evaluation.counts
    unit = _unit(evaluation)
    text = (
        f"{counts['n_snapshots']:,} {unit} of {counts['n_students']:,} students, of "
        f"whom {counts['n_failing_students']:,} fail "
        f"({counts['n_failing_snapshots']:,} {unit}). A student is flagged at a "
        f"probability of {evaluation.threshold:.3f} or more."
    )
    if unit == "snapshots":
        text += " A snapshot is a student in a course on a day."
    return text


def _headline(evaluation: EvaluationFields) -> str:
    rows = []
    for name, value in evaluation.metrics.items():
        ends = evaluation.intervals.get(name, (math.nan, math.nan))
        meaning = f'<td class="text">{escape(_MEANINGS.get(name, ""))}</td>'
        rows.append(
            make_row(
                METRIC_TITLES.get(name, name),
                _number(value),
                _between(*ends),
                more=meaning,
            )
        )
    percent = f"{100 * evaluation.confidence:g}%"
    head = ["figure", "value", f"{percent} interval", "what it means"]
    return make_table("Figures", head, rows)


def _confusion(evaluation: EvaluationFields) -> str:
    passes, fails = evaluation.confusion.tolist()
    rows = [
        make_row("passes", *(f"{count:,}" for count in passes)),
        make_row("fails", *(f"{count:,}" for count in fails)),
    ]
    caption = f"{_unit(evaluation).capitalize()} by truth and by flag"
    return make_table(caption, ["", "not flagged", "flagged"], rows)


def _alerts(evaluation: EvaluationFields) -> str:
    """Format the precision among those most at risk, and when they are flagged."""
    lead = evaluation.lead_time
    if not lead:
        return ""
    rows = [
        make_row(f"{k} students", _number(precision))
        for k, precision in evaluation.precision_at_k.itertuples(index=False)
    ]
    head = ["helping the", "share that fails"]
    caption = "Those most at risk in each course, on each day"
    table = make_table(caption, head, rows) if rows else ""
    sentences = [
        f"Of {lead['n_failing']:,} failing histories (a student in a course), the "
        f"share that is flagged at least once: {_number(lead['share_alerted'])}."
    ]
    if not math.isnan(lead["median"]):
        sentences.append(
            f"The first flag comes {lead['median']:g} days before the end (median; "
            f"half of them between {lead['lower_quartile']:g} and "
            f"{lead['upper_quartile']:g})."
        )
    sentences.append(
        "The flag changes from one day to the next in a share of "
        f"{_number(evaluation.flip_rate)} of cases."
    )
    return f"{table}<p>{' '.join(sentences)}</p>"


def _breakdown(title: str, table: pd.DataFrame, label: str) -> str:
    """Format a breakdown as a table, collapsed if long; empty text if it is empty."""
    if not len(table):
        return ""
    first, *others = (METRIC_TITLES[name] for name in _SHOWN)
    head = [label, "students", "failing", first, "its interval", *others]
    rows = [_breakdown_row(record) for record in table.to_dict("records")]
    text = make_table(title, head, rows)
    if len(rows) < _FOLDED_FROM:
        return text
    return f"<details><summary>{escape(title)} ({len(rows)})</summary>{text}</details>"


def _breakdown_row(record: dict[str, object]) -> str:
    label, *_ = record.values()
    counts = [f"{record['n_students']:,}", f"{record['n_failing']:,}"]
    if not record["enough"]:
        width = len(_SHOWN) + 1
        note = f'<td class="vague" colspan="{width}">too few students</td>'
        return make_row(str(label), *counts, more=note)
    figures = [_number(float(str(record[name]))) for name in _SHOWN]
    low, high = (float(str(record[f"roc_auc_{end}"])) for end in ("low", "high"))
    figures.insert(1, _between(low, high))
    return make_row(str(label), *counts, *figures)


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"


def _between(low: float, high: float) -> str:
    return "undefined" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
