"""A FairnessReport as an HTML page: the gaps, and what each remedy costs."""

from html import escape
from os import PathLike
from typing import Any

from edml._files import replace_file
from edml._page import Cell, make_page, make_row, make_table
from edml._translation import N_
from edml._urls import as_path
from edml._words import MISSING, Words
from edml.metrics import GROUP_TITLES

_VERDICTS = {
    "alike": N_("alike"),
    "differs": N_("differs"),
    "cannot tell": N_("cannot tell"),
}
#: What can be done about a gap, and what that costs.
_REMEDIES = (
    N_(
        "Where groups fail at different rates, no model can make flags, false alarms "
        "and misses alike at once. Decide which of them matters for the help you offer."
    ),
    N_(
        "A calibration for each group corrects probabilities that are too low or too "
        "high. It uses the attribute in each decision, which may be unlawful. More "
        "students of the group in training do not."
    ),
    N_(
        "A threshold for each group makes the misses alike. It also uses the "
        "attribute, and students of equal risk are then treated differently."
    ),
    N_("Leaving a column out also removes what it adds for everybody."),
)


def write_page(report: Any, path: str | PathLike[str], words: Words) -> None:
    """Write the report to a file, atomically."""
    caption = words(
        "Each group of {by} is compared with all other students. Students are flagged "
        "from {threshold} on. Intervals hold with {confidence} together; gaps within "
        "{tolerance} are of no importance. Nothing is corrected.",
        by=report.by,
        threshold=words.percent(report.threshold),
        confidence=words.percent(report.confidence, 0),
        tolerance=words.number(report.tolerance, 3),
    )
    parts = [f"<p>{escape(caption)}</p>"]
    if report.n_left_out:
        left_out = words.ngettext(
            "{n} group has too few students to be shown.",
            "{n} groups have too few students to be shown.",
            report.n_left_out,
        )
        parts.append(f"<p>{escape(left_out)}</p>")
    parts.append(_sizes(report, words))
    parts += [_gaps(report, name, words) for name in GROUP_TITLES]
    remedies = "".join(f"<li>{escape(words(text))}</li>" for text in _REMEDIES)
    heading = escape(words("What each remedy costs"))
    parts.append(f"<h2>{heading}</h2><ul>{remedies}</ul>")
    title = words("Whether groups of students are served alike")
    replace_file(as_path(path), make_page(title, "".join(parts), words.language))


def _sizes(report: Any, words: Words) -> str:
    rows = [
        make_row(
            group.group, words.number(group.n_students), words.number(group.n_failing)
        )
        for group in report.groups.itertuples()
    ]
    head = (words("Group"), words("Students"), words("of whom fail"))
    return make_table(words("The groups"), head, rows)


def _gaps(report: Any, name: str, words: Words) -> str:
    head = (
        words("Group"),
        words("Value"),
        words("Of the others"),
        words("Gap"),
        words("Interval"),
        words("Smallest gap that would have shown"),
        words("Verdict"),
    )
    rows = []
    for row in report.table[report.table["figure"] == name].itertuples():
        known = row.low == row.low
        rows.append(
            make_row(
                row.group,
                words.number(row.value, 3),
                words.number(row.rest, 3),
                Cell(words.number(row.gap, 3, signed=True), row.gap),
                words.interval(row.low, row.high, 3) if known else MISSING,
                words.number(row.detectable, 3),
                words(_VERDICTS[row.verdict]),
            )
        )
    return make_table(words(GROUP_TITLES[name]), head, rows, sortable=True)
