"""MonitoringReport: verdicts with their reasons, as text, HTML, data and picture."""

from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from edml._drawing import (
    BLUE,
    GREY,
    VERMILLION,
    next_colour,
    open_panels,
    require_pyplot,
    soften,
    without_math,
)
from edml._files import replace_file
from edml._page import CSS, make_page, make_row, make_table
from edml._translation import N_
from edml._urls import as_path
from edml._words import Words
from edml.explanation import feature_name
from edml.monitoring._drift import SMALL
from edml.monitoring._lists import heading_of_weeks, tabulate_weeks
from edml.monitoring._reference import SCORE
from edml.monitoring._signs import (
    ACT,
    CANNOT_TELL,
    FINE,
    LOOK,
    Part,
    name_verdict,
)

_TITLE = N_("Monitoring")
_DRAWN = 5  # features in the picture
_FIGURES = {
    "roc_auc": N_("ROC AUC"),
    "average_precision": N_("average precision"),
    "precision": N_("precision"),
    "recall": N_("recall"),
    "flagged": N_("share flagged"),
    "share_failing": N_("share that fails"),
}


@dataclass(frozen=True, eq=False, repr=False)
class MonitoringReport:
    """What `monitor` found: a verdict for each part, with its reasons and next steps.

    It holds no student ids.

    Parameters
    ----------
    parts : dict of str to Part
        By "input" (of event tables), "drift", "expected", "realised" and, with a
        ledger, "lists".
    drift : DataFrame of shape (n_tests, 10) or None
        A row for each week and feature, and for the score: week, day, feature, weight
        (how much the model uses it), n_students, p_value, adjusted (for all tests),
        size (Cohen's w, 0 to about 1; its square is about the population stability
        index), direction (in [-0.5, 0.5], positive if values are higher; NaN for
        categories) and change (of the mean probability; NaN for features).
    performance : DataFrame of shape (n_figures, 10) or None
        A row for each week and figure: week, day, n_students, figure, reference (in
        training), expected, low and high (its interval), realised and p_value (NaN).
    realised : DataFrame or None
        The same for the students whose outcomes are known, with the realised figure
        and how rarely it would be so far from the expected one.
    counts : dict of str to int
        n_rows, n_students, n_courses and last_week.
    threshold : float
        The probability at and above which a student is flagged.
    confidence : float
        Of the intervals, a fraction in (0, 1).
    lists : DataFrame or None, default=None
        What `Ledger.changes` returned for these courses.
    lead_time : dict or None, default=None
        Of the failing students on lists: n_failing, n_flagged, n_within_capacity, and
        the lower_quartile, median and upper_quartile of the days from the first flag to
        the last list, None without a flag.

    Examples
    --------
    >>> from edml import RiskClassifier, load_activity
    >>> from edml.monitoring import monitor
    >>> X, y = load_activity(return_X_y=True)
    >>> report = monitor(RiskClassifier(cv=3).fit(X, y), X)
    >>> list(report.parts)
    ['input', 'drift', 'expected', 'realised']
    """

    __module__ = "edml.monitoring"

    parts: dict[str, Part]
    drift: pd.DataFrame | None
    performance: pd.DataFrame | None
    realised: pd.DataFrame | None
    counts: dict[str, int]
    threshold: float
    confidence: float
    lists: pd.DataFrame | None = None
    lead_time: dict[str, Any] | None = None

    @property
    def verdict(self) -> str:
        """The verdict for all parts.

        The worst of "look" and "act". Without either, "cannot tell" if the input or
        the drift cannot be told, else "fine".
        """
        found = {part.verdict for part in self.parts.values()}
        for verdict in (ACT, LOOK):
            if verdict in found:
                return verdict
        first = [
            self.parts[one].verdict for one in ("input", "drift") if one in self.parts
        ]
        return CANNOT_TELL if CANNOT_TELL in first else FINE

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The keys verdict, counts, threshold, confidence, parts (each with verdict
            and signs), drift, performance, realised and lists (lists of records) and
            lead_time.
        """
        lists = self.lists
        if lists is not None:
            lists = lists.assign(week=lists["week"].dt.strftime("%Y-%m-%d"))
        return {
            "verdict": self.verdict,
            "counts": dict(self.counts),
            "threshold": self.threshold,
            "confidence": self.confidence,
            "parts": {
                name: {
                    "verdict": part.verdict,
                    "signs": [_write_sign(sign) for sign in part.signs],
                }
                for name, part in self.parts.items()
            },
            "drift": _records(self.drift),
            "performance": _records(self.performance),
            "realised": _records(self.realised),
            "lists": _records(lists),
            "lead_time": self.lead_time and dict(self.lead_time),
        }

    def to_text(self, language: str = "en") -> str:
        """Return the verdicts, reasons and next steps as text.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            Of the text.

        Returns
        -------
        text : str
        """
        words = Words(language)
        lines = [f"{words(_TITLE)}: {name_verdict(self.verdict, language)}"]
        for part in self.parts.values():
            verdict = name_verdict(part.verdict, language)
            lines += ["", f"{part.title(language)}: {verdict}"]
            for sign in part.signs:
                lines += [f"  {text}" for text in sign.describe(language) if text]
        if self.lists is not None and len(self.lists):
            table = [heading_of_weeks(words), *tabulate_weeks(self.lists, words)]
            lines += ["", *(f"  {' | '.join(cells)}" for cells in table)]
        return "\n".join(lines)

    def shifts(self, language: str = "en", n_features: int = 15) -> pd.DataFrame:
        """Return the largest shifts as a table for people.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            Of names and numbers.
        n_features : int, default=15
            How many to return; the score is one.

        Returns
        -------
        table : DataFrame of shape (n_features, 6)
            Texts: feature, week, use by the model, size, direction and adjusted
            p-value. Empty without a reference.
        """
        words = Words(language)
        head = [
            *(words("feature"), words("week"), words("use")),
            *(words("size"), words("direction"), words("p-value, adjusted")),
        ]
        if self.drift is None:
            return pd.DataFrame(columns=head)
        largest = self.drift.sort_values("size", ascending=False, kind="stable")
        rows = [
            (
                words("score")
                if one.feature == SCORE
                else feature_name(one.feature, language),
                words.number(one.week),
                words.percent(one.weight),
                words.number(one.size, 2),
                words.number(one.direction, 2, signed=True),
                words.number(one.adjusted, 3),
            )
            for one in largest.drop_duplicates("feature").head(n_features).itertuples()
        ]
        return pd.DataFrame(rows, columns=head)

    def to_html(self, path: str | PathLike[str], language: str = "en") -> None:
        """Write the report as one HTML page that loads nothing from elsewhere.

        Parameters
        ----------
        path : path-like
            The file to write, atomically.
        language : {"en", "es"}, default="en"
            Of the page.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        path = as_path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        title = Words(language)(_TITLE)
        replace_file(path, make_page(title, self._make_html(language)))

    def plot(self, ax: Any = None) -> Any:
        """Draw ROC AUC by week, and how far the score and features have moved.

        Parameters
        ----------
        ax : sequence of 2 Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        axes : ndarray of Axes of shape (2,)

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        ValueError
            If there is nothing to draw, because the model has no reference.
        """
        require_pyplot()
        if self.drift is None or self.performance is None:
            message = (
                "A picture needs a comparison with a reference; the report has none. "
                "Pass reference= to monitor."
            )
            raise ValueError(message)
        performance, shifts = open_panels(ax, 2, "panels", (10.5, 3.4))
        self._draw_performance(performance)
        _draw_shifts(shifts, self.drift)
        return np.array([performance, shifts], dtype=object)

    def _draw_performance(self, panel: Any) -> None:
        table = self.performance if self.realised is None else self.realised
        rows = table[table["figure"] == "roc_auc"] if table is not None else None
        panel.set_title("ROC AUC", fontsize="small")
        panel.set_xlabel("week of the course")
        if rows is None:
            return
        rows = _widen(rows)
        weeks = rows["week"]
        panel.fill_between(weeks, rows["low"], rows["high"], color=BLUE, alpha=0.2)
        panel.plot(weeks, rows["expected"], color=BLUE, label="expected")
        panel.plot(weeks, rows["reference"], color=GREY, ls="--", label="in training")
        if rows["realised"].notna().any():
            panel.plot(weeks, rows["realised"], color=VERMILLION, label="realised")
        panel.legend(fontsize="small", frameon=False)
        soften(panel)

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self._make_html("en")

    def _make_html(self, language: str) -> str:
        words = Words(language)
        verdict = name_verdict(self.verdict, language)
        title = words(_TITLE)
        headline = f"<strong>{escape(title)}: {escape(verdict)}</strong>"
        parts = [f"<style>{CSS}</style><p>{headline}</p>"]
        head = [
            words("verdict"),
            words("what was found"),
            words("next step"),
        ]
        for part in self.parts.values():
            rows = [
                _text_row(
                    name_verdict(sign.verdict, language), *sign.describe(language)
                )
                for sign in part.signs
            ]
            parts.append(make_table(part.title(language), head, rows))
        parts.append(self._drift_html(words))
        parts.append(self._performance_html(words))
        if self.lists is not None and len(self.lists):
            weeks = [make_row(*cells) for cells in tabulate_weeks(self.lists, words)]
            title = words("Lists week by week")
            parts.append(make_table(title, heading_of_weeks(words), weeks))
        return f'<div class="edml-evaluation">{"".join(parts)}</div>'

    def _drift_html(self, words: Words) -> str:
        table = self.shifts(words.language)
        rows = [make_row(*cells) for cells in table.itertuples(index=False)]
        title = words("Largest shifts")
        return make_table(title, list(table), rows) if rows else ""

    def _performance_html(self, words: Words) -> str:
        table = self.realised if self.realised is not None else self.performance
        if table is None or not len(table):
            return ""
        last = table[table["week"] == table["week"].max()]
        rows = [
            make_row(
                words(_FIGURES[one.figure]),
                words.number(one.expected, 3),
                words.interval(one.low, one.high, 3),
                words.number(one.realised, 3),
            )
            for one in last.itertuples()
        ]
        head = [
            *(words("figure"), words("expected")),
            *(words("interval"), words("realised")),
        ]
        return make_table(words("Performance in the last week"), head, rows)


def _draw_shifts(panel: Any, drift: pd.DataFrame) -> None:
    """Draw the sizes of the score's shift, and of the features that moved most."""
    used = drift[drift["weight"] > 0].assign(much=lambda x: x["weight"] * x["size"])
    order = used.groupby("feature")["much"].max().nlargest(_DRAWN)
    for name in (SCORE, *order.index):
        rows = _widen(drift[drift["feature"] == name])
        colour = VERMILLION if name == SCORE else next_colour(panel)
        panel.plot(
            rows["week"],
            rows["size"],
            color=colour,
            lw=2.5 if name == SCORE else 1.2,
            label=without_math(name),
        )
    panel.axhline(SMALL, color=GREY, lw=1, ls=":")
    panel.set_title("size of the shift", fontsize="small")
    panel.set_xlabel("week of the course")
    beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    panel.legend(fontsize="small", frameon=False, **beside)
    soften(panel)


def _widen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows; a single week twice, so that its line can be seen."""
    if len(rows) != 1:
        return rows
    return pd.concat([rows.assign(week=rows["week"] + by) for by in (-0.4, 0.4)])


def _write_sign(sign: Any) -> dict[str, Any]:
    found, remedy = sign.describe()
    return {
        "code": sign.code,
        "verdict": sign.verdict,
        "found": found,
        "remedy": remedy,
        "details": dict(sign.details or {}),
    }


def _records(table: pd.DataFrame | None) -> list[dict[str, Any]] | None:
    if table is None:
        return None
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _text_row(label: str, *texts: str) -> str:
    cells = "".join(f'<td class="text">{escape(text)}</td>' for text in texts)
    return make_row(label, more=cells)
