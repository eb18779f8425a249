"""MonitoringReport: verdicts with their reasons, as text, HTML, data and picture."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from edml._drawing import (
    BLUE,
    GREY,
    VERMILLION,
    localize,
    next_colour,
    open_panels,
    require_pyplot,
    soften,
    without_math,
)
from edml._page import Prose, Table
from edml._report import Report, list_records
from edml._translation import N_
from edml._words import Words, words_in
from edml.explanation import feature_name
from edml.monitoring._drift import SMALL
from edml.monitoring._lists import tabulate_weeks
from edml.monitoring._reference import SCORE
from edml.monitoring._signs import ACT, CANNOT_TELL, FINE, LOOK, Part, name_verdict

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
class MonitoringReport(Report):
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
    _TITLE = N_("Monitoring")

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
        tables = {
            "drift": self.drift,
            "performance": self.performance,
            "realised": self.realised,
            "lists": lists,
        }
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
            **{
                name: None if table is None else list_records(table)
                for name, table in tables.items()
            },
            "lead_time": self.lead_time and dict(self.lead_time),
        }

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
        words = words_in(language)
        head = [
            words("feature"),
            words("week"),
            words("use"),
            words("size"),
            words("direction"),
            words("p-value, adjusted"),
        ]
        if self.drift is None:
            return pd.DataFrame(columns=head)
        largest = self.drift.sort_values("size", ascending=False, kind="stable")
        rows = [
            (
                _name(one.feature, words),
                words.number(one.week),
                words.percent(one.weight),
                words.number(one.size, 2),
                words.number(one.direction, 2, signed=True),
                words.p_value(one.adjusted),
            )
            for one in largest.drop_duplicates("feature").head(n_features).itertuples()
        ]
        return pd.DataFrame(rows, columns=head)

    def plot(self, ax: Any = None, *, language: str = "en") -> Any:
        """Draw ROC AUC by week, and how far the score and features have moved.

        Parameters
        ----------
        ax : sequence of 2 Axes, default=None
            Where to draw; None makes a figure.
        language : {"en", "es"}, default="en"
            The reader's language, in which features have readable names.

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
        words = words_in(language)
        table = self.performance if self.realised is None else self.realised
        if self.drift is None or table is None:
            message = (
                "A picture needs a comparison with a reference; the report has none. "
                "Pass reference= to monitor."
            )
            raise ValueError(message)
        axes = open_panels(ax, 2, "panels", (10.5, 3.4))
        _draw_performance(axes[0], table[table["figure"] == "roc_auc"], words)
        _draw_shifts(axes[1], self.drift, words)
        for panel in axes:
            panel.set_xlabel(words("week of the course"))
            soften(panel)
            localize(panel, words)
        return axes

    def _parts(self, words: Words) -> list[str | Table]:
        verdict = name_verdict(self.verdict, words.language)
        head = [words("verdict"), words("what was found"), words("next step")]
        parts: list[str | Table] = [f"{words(self._TITLE)}: {verdict}"]
        for part in self.parts.values():
            rows = [
                (
                    name_verdict(sign.verdict, words.language),
                    *map(Prose, sign.describe(words.language)),
                )
                for sign in part.signs
            ]
            verdict = name_verdict(part.verdict, words.language)
            title = f"{part.title(words.language)}: {verdict}"
            parts.append(Table(title, head, rows, listed=True))
        shifts = self.shifts(words.language)
        if len(shifts):
            rows = [*shifts.itertuples(index=False, name=None)]
            parts.append(Table(words("Largest shifts"), list(shifts), rows))
        table = self.performance if self.realised is None else self.realised
        if table is not None and len(table):
            parts.append(_tabulate_performance(table, words))
        if self.lists is not None and len(self.lists):
            parts.append(tabulate_weeks(self.lists, words))
        return parts


def _tabulate_performance(table: pd.DataFrame, words: Words) -> Table:
    """Return the figures of the last week."""
    rows = [
        (
            words(_FIGURES[one.figure]),
            words.number(one.expected, 3),
            words.interval(one.low, one.high, 3),
            words.number(one.realised, 3),
        )
        for one in table[table["week"] == table["week"].max()].itertuples()
    ]
    head = [words("figure"), words("expected"), words("interval"), words("realised")]
    return Table(words("Performance in the last week"), head, rows)


def _draw_performance(panel: Any, rows: pd.DataFrame, words: Words) -> None:
    rows = _widen(rows)
    weeks = rows["week"]
    panel.fill_between(weeks, rows["low"], rows["high"], color=BLUE, alpha=0.2)
    panel.plot(weeks, rows["expected"], color=BLUE, label=words("expected"))
    before = {"color": GREY, "ls": "--", "label": words("in training")}
    panel.plot(weeks, rows["reference"], **before)
    if rows["realised"].notna().any():
        panel.plot(weeks, rows["realised"], color=VERMILLION, label=words("realised"))
    panel.set_title(words("ROC AUC"), fontsize="small")
    panel.legend(fontsize="small", frameon=False)


def _draw_shifts(panel: Any, drift: pd.DataFrame, words: Words) -> None:
    """Draw the sizes of the score's shift, and of the features that moved most."""
    used = drift[drift["weight"] > 0].assign(much=lambda x: x["weight"] * x["size"])
    order = used.groupby("feature")["much"].max().nlargest(_DRAWN)
    for name in (SCORE, *order.index):
        rows = _widen(drift[drift["feature"] == name])
        panel.plot(
            rows["week"],
            rows["size"],
            color=VERMILLION if name == SCORE else next_colour(panel),
            lw=2.5 if name == SCORE else 1.2,
            label=without_math(_name(name, words)),
        )
    panel.axhline(SMALL, color=GREY, lw=1, ls=":")
    panel.set_title(words("size of the shift"), fontsize="small")
    beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    panel.legend(fontsize="small", frameon=False, **beside)


def _name(feature: str, words: Words) -> str:
    """Return a feature, or the score, in words."""
    return words("score") if feature == SCORE else feature_name(feature, words.language)


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
